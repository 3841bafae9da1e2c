from typing import List, Sequence, Union

import numpy as np
from mmengine.logging import print_log

from mmhqnet.errors import InputError
from mmhqnet.registry import DATASETS
from mmhqnet.structures.label_rules import are_numbers

from .annotations.scribbles import NUM_POINTS
from .coco_unihuman import CocoUniHumanDataset

KINDS = ('text', 'point', 'scribble')


@DATASETS.register_module()
class RefHumanDataset(CocoUniHumanDataset):
    """Samples of one person each, who is pointed out by a prompt.

    Reads RefHuman's format: COCO's, where an image's entry is one sample,
    with an optional ``caption``, and its annotation has ``scribble``, several
    lines of 12 points x, y in one flat list. Samples that have no person, or
    no prompt of the wanted kinds, are left out, and their number is logged.
    In test mode a sample occurs once per kind.

    ``data_info`` holds, beside what :class:`CocoUniHumanDataset` gives,
    ``caption`` (str or None), ``scribbles`` (n, 12, 2) float32 in pixels of
    the photo, and the ``prompt_kinds`` to choose from.

    Args:
        kinds: Any of 'text', 'point', 'scribble'.
        **kwargs: Arguments of :class:`CocoUniHumanDataset`.

    Raises:
        InputError: For an unknown kind; while reading, for a malformed file,
            an image with several persons, or if no sample is left.
    """

    def __init__(self,
                 *args,
                 kinds: Union[str, Sequence[str]] = KINDS,
                 **kwargs) -> None:
        self.kinds = (kinds, ) if isinstance(kinds, str) else tuple(kinds)
        for kind in self.kinds:
            if kind not in KINDS:
                raise InputError(f'kinds: unknown kind of prompt {kind!r}; '
                                 f'use any of {", ".join(KINDS)}')
        super().__init__(*args, **kwargs)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Add the prompts to the labels."""
        data_info = super().parse_data_info(raw_data_info)
        image = raw_data_info['raw_img_info']
        persons = [
            instance for instance in data_info['instances']
            if not instance['ignore_flag']
        ]
        if len(persons) > 1:
            raise InputError(
                f'{self.ann_file}: image {image["id"]} has {len(persons)} '
                'persons, but a sample asks for one; make such a file with '
                'tools/dataset_converters/make_prompts.py')
        caption = image.get('caption')
        if not isinstance(caption, str) or not caption.strip():
            caption = None
        scribbles = [
            self._parse_scribbles(annotation)
            for annotation in raw_data_info['raw_ann_info']
            if annotation.get('scribble')
        ]
        available = {'text': caption is not None}
        for kind in ('point', 'scribble'):
            available[kind] = bool(scribbles)
        data_info.update(
            instances=persons,
            caption=caption,
            scribbles=scribbles[0] if scribbles else None,
            prompt_kinds=tuple(kind for kind in self.kinds
                               if persons and available[kind]))
        return data_info

    def _parse_scribbles(self, annotation: dict) -> np.ndarray:
        """The annotation's scribbles, float32 (n, 12, 2)."""
        values = annotation['scribble']
        if not are_numbers(values) or len(values) % (2 * NUM_POINTS):
            raise InputError(
                f'{self.ann_file}: annotation {annotation["id"]}: scribble '
                f'must be a flat list of {NUM_POINTS} pairs x, y per line')
        return np.array(values, np.float32).reshape(-1, NUM_POINTS, 2)

    def load_data_list(self) -> List[dict]:
        """Read the samples, in test mode once per kind of prompt."""
        samples = super().load_data_list()
        if not self.test_mode:
            return samples
        return [
            dict(sample, prompt_kinds=(kind, )) for sample in samples
            for kind in sample['prompt_kinds'] or (None, )
        ]

    def filter_data(self) -> List[dict]:
        """Leave out what cannot be asked for, and in training what mmdet's
        ``filter_cfg`` says."""
        usable = [
            sample for sample in self.data_list if any(sample['prompt_kinds'])
        ]
        left_out = len(self.data_list) - len(usable)
        if left_out:
            print_log(
                f'{self.ann_file}: {left_out} samples without a person or '
                f'without {" or ".join(self.kinds)} are left out', 'current')
        if not usable:
            raise InputError(f'{self.ann_file}: no sample has a person and a '
                             f'prompt of these kinds: {", ".join(self.kinds)}')
        self.data_list = usable
        return super().filter_data()
