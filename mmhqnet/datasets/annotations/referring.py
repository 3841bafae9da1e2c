"""Annotation files with prompts: one sample per person and caption.

RefHuman's format is COCO's, with the person's ``scribble`` in the annotation
(5 scribbles of 12 points x, y in one flat list) and the ``caption`` in the
image's entry, which therefore occurs once per sample.
"""
import pickle
from typing import Dict, Iterable, List

import numpy as np
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError

from .scribbles import NUM_SCRIBBLES, draw_scribble


def mask_of(annotation: dict, height: int, width: int) -> np.ndarray:
    """An annotation's ``segmentation`` as a mask, uint8 (height, width).

    Raises: InputError: If it is missing or malformed.
    """
    shape = annotation.get('segmentation')
    try:
        if isinstance(shape, list):
            shape = mask_utils.merge(
                mask_utils.frPyObjects(shape, height, width))
        elif isinstance(shape['counts'], list):
            shape = mask_utils.frPyObjects(shape, height, width)
        mask = mask_utils.decode(shape)
    except Exception as error:  # pycocotools raises all kinds
        raise InputError(f'annotation {annotation.get("id")}: field '
                         'segmentation is missing or malformed') from error
    if mask.shape != (height, width):
        raise InputError(f'annotation {annotation.get("id")}: its mask has '
                         f'{mask.shape}, its image {(height, width)} pixels')
    return mask


def is_target(annotation: dict, image: dict, min_keypoints: int,
              min_area: float) -> bool:
    """Whether a person is one that RefHuman would ask for.

    Args:
        min_keypoints: Labelled joints at least.
        min_area: Share of the image at least.
    """
    labelled = sum(flag > 0 for flag in annotation.get('keypoints', [])[2::3])
    share = annotation['area'] / (image['height'] * image['width'])
    return (not annotation.get('iscrowd') and labelled >= min_keypoints
            and share >= min_area and bool(annotation.get('segmentation')))


def add_prompts(content: dict,
                captions: Dict[int, List[str]],
                seed: int = 0,
                min_keypoints: int = 1,
                min_area: float = 0.01) -> dict:
    """Make samples with prompts of the persons in a COCO-style file.

    Args:
        captions: Captions by annotation id; a person without one gets a sample
            with points and scribbles only.
        seed: Of the scribbles; the same seed gives the same file.
        min_keypoints, min_area: See :func:`is_target`.

    Returns: In RefHuman's format; images and annotations count from 1.
    Raises: InputError: If a mask is malformed.
    """
    images = {image['id']: image for image in content['images']}
    samples, annotations = [], []
    for annotation in content['annotations']:
        image = images[annotation['image_id']]
        if not is_target(annotation, image, min_keypoints, min_area):
            continue
        mask = mask_of(annotation, image['height'], image['width'])
        rng = np.random.default_rng([seed, annotation['id']])
        scribbles = [draw_scribble(mask, rng) for _ in range(NUM_SCRIBBLES)]
        if scribbles[0] is None:
            continue
        scribble = np.ravel(scribbles).tolist()
        for caption in captions.get(annotation['id']) or [None]:
            number = len(samples) + 1
            sample = dict(image, id=number)
            if caption is not None:
                sample['caption'] = caption
            samples.append(sample)
            annotations.append(
                dict(
                    annotation, id=number, image_id=number, scribble=scribble))
    return dict(
        info=content.get('info', {}),
        licenses=content.get('licenses', []),
        categories=content['categories'],
        images=samples,
        annotations=annotations)


class _PlainUnpickler(pickle.Unpickler):
    """Builds nothing but plain containers, numbers and text."""

    def find_class(self, module: str, name: str):
        raise InputError(f'it asks for {module}.{name}, and building more '
                         'than plain containers could run any code')


def read_refcoco(path: str) -> List[dict]:
    """References in ``refs(...).p`` of RefCOCO, RefCOCO+ or RefCOCOg.

    Raises:
        InputError: If it cannot be read, holds other things than plain
            containers and text, or has no references.
    """
    try:
        with open(path, 'rb') as file:
            refs = _PlainUnpickler(file, encoding='latin1').load()
        for ref in refs:
            ref['ann_id'], ref['split'], ref['sentences']
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}') from error
    except InputError as error:
        raise InputError(f'{path} is refused: {error}') from error
    except Exception as error:
        raise InputError(f'{path} does not hold references of RefCOCO: a '
                         'pickled list of dicts with ann_id, split and '
                         'sentences') from error
    return refs


def refcoco_captions(refs: Iterable[dict], split: str) -> Dict[int, List[str]]:
    """Sentences by annotation id of one split, such as ``'train'``."""
    captions = {}
    for ref in refs:
        if ref['split'] == split:
            captions.setdefault(ref['ann_id'],
                                []).extend(sentence['sent']
                                           for sentence in ref['sentences'])
    return captions


def only_captioned(content: dict, captions: Dict[int, List[str]]) -> dict:
    """The file without the persons that nobody has described."""
    return dict(
        content,
        annotations=[
            annotation for annotation in content['annotations']
            if captions.get(annotation['id'])
        ])
