"""Prompts and pictures stay together."""
from typing import Dict, Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures import Point, Scribble, Text

from ..annotations.scribbles import redraw_scribble
from .formatting import PackHumanInputs
from .geometric import HumanRandomCrop, HumanRandomFlip, HumanResize

WEIGHTS = dict(text=2.0, point=1.0, scribble=1.0)


@TRANSFORMS.register_module()
class SamplePrompt(BaseTransform):
    """Take one of a sample's prompts.

    Where only one kind is offered, as in testing, it is always the same:
    the caption, the first scribble, or the sixth of its twelve points.
    Otherwise kind, scribble and point (of the middle four) are drawn.

    Required keys: ``caption``, ``scribbles``, ``prompt_kinds``. Added key:
    ``prompt``, in pixels of the photo.

    Args:
        random: Whether to draw; False takes the first kind.
        weights: How often each kind is drawn; as released, half of the prompts
            are text.
    """

    def __init__(self,
                 random: bool = True,
                 weights: Optional[Dict[str, float]] = None) -> None:
        self.random = random
        self.weights = {**WEIGHTS, **(weights or {})}

    def transform(self, results: dict) -> dict:
        """Add ``prompt``."""
        kinds = results['prompt_kinds']
        kind, scribble, point = kinds[0], 0, 5
        if self.random:
            weights = np.array([self.weights[kind] for kind in kinds])
            kind = np.random.choice(kinds, p=weights / weights.sum())
            if kind != 'text':
                scribble = np.random.randint(len(results['scribbles']))
                point = np.random.randint(4, 8)
        if kind == 'text':
            results['prompt'] = Text(results['caption'])
        elif kind == 'point':
            x, y = results['scribbles'][scribble, point].tolist()
            results['prompt'] = Point(x, y)
        else:
            results['prompt'] = Scribble(results['scribbles'][scribble])
        return results

    def __repr__(self) -> str:
        return f'SamplePrompt(random={self.random}, weights={self.weights})'


class PromptTransform:
    """Mixed into a geometric transform, it takes the prompt along.

    Points move as the pixels do; words change sides in a mirrored image.
    """

    def transform(self, results: dict) -> Optional[dict]:
        """Move picture, labels and prompt."""
        # The matrix of this step alone is wanted.
        earlier = results.pop('homography_matrix', None)
        results = super().transform(results)
        if results is None:
            return None
        matrix = results.get('homography_matrix')
        if matrix is None:
            matrix = np.eye(3)
        if results.get('prompt') is not None:
            results['prompt'] = results['prompt'].moved(matrix)
        if earlier is not None:
            results['homography_matrix'] = matrix @ earlier
        return results


@TRANSFORMS.register_module()
class RefRandomFlip(PromptTransform, HumanRandomFlip):
    """``HumanRandomFlip`` with prompts: in a mirrored image left is right."""


@TRANSFORMS.register_module()
class RefResize(PromptTransform, HumanResize):
    """``HumanResize`` with prompts."""


@TRANSFORMS.register_module()
class RefRandomCrop(PromptTransform, HumanRandomCrop):
    """``HumanRandomCrop`` with prompts.

    Where a point is no longer on the visible part of the person, points and
    scribbles are drawn anew. A picture without any of the person is given up:
    the data set takes another one.

    Args:
        area_of_box: Whether a person's area becomes that of what is left of
            its box, as released; otherwise it shrinks as the box does.
    """

    def __init__(self, *args, area_of_box: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.area_of_box = area_of_box

    def transform(self, results: dict) -> Optional[dict]:
        """Crop picture, labels and prompt."""
        results = super().transform(results)
        if results is None or not len(results['gt_masks']):
            return None
        if self.area_of_box:
            results['gt_areas'] = results['gt_bboxes'].areas.numpy()
        prompt = results['prompt']
        if isinstance(prompt, Text):
            return results
        mask = results['gt_masks'].to_ndarray()[0]
        columns, rows = np.floor(prompt.points).astype(int).T
        height, width = mask.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (
            rows < height)
        if inside.all() and mask[rows, columns].all():
            return results
        rng = np.random.default_rng(np.random.randint(2**31))
        scribble = redraw_scribble(mask, rng)
        if scribble is None:
            return None
        points = scribble[5:6] if isinstance(prompt, Point) else scribble
        results['prompt'] = prompt.with_points(points)
        return results


@TRANSFORMS.register_module()
class PackRefInputs(PackHumanInputs):
    """``PackHumanInputs``, and ``data_samples.prompt``."""

    def transform(self, results: dict) -> dict:
        """Pack image, labels and prompt."""
        packed = super().transform(results)
        packed['data_samples'].prompt = results['prompt']
        return packed
