"""What a single label of a person must look like.

A rule takes a value as JSON gives it and returns None if it is proper,
otherwise what it must be.
"""
import math
import re
from typing import Optional, Sequence, Union

import numpy as np

from .run_length_masks import run_lengths

# A compressed run-length code: numbers of at most 35 bits, five bits in each
# character, the last character of a number from '0' to 'O'.
_COMPRESSED_RUNS = re.compile(b'([P-o]{0,6}[0-O])+')
_NUMBERS = (int, float, np.integer, np.floating)


def are_numbers(values) -> bool:
    """Whether something is a list of finite numbers; flags are none."""
    if not isinstance(values, (list, tuple, np.ndarray)):
        return False
    types = set(map(type, values))
    try:
        return (types <= {int, float} or all(
            issubclass(kind, _NUMBERS) and kind is not bool
            for kind in types)) and all(map(math.isfinite, values))
    except OverflowError:  # a whole number beyond all floats
        return False


def is_number(value) -> bool:
    """Whether something is a finite number."""
    return are_numbers([value])


def is_flagged_valid(annotation: dict, flag: str) -> bool:
    """Whether an annotation lets a kind of label count.

    False only if ``valid[flag]`` (COCO-UniHuman) or ``<flag>_valid``
    (COCO-WholeBody) is there and 0.
    """
    whole_body = annotation.get(f'{flag}_valid', 1)
    return bool((annotation.get('valid') or {}).get(flag, whole_body))


def shown(value) -> str:
    """A value for a message of one line."""
    text = 'nothing' if value is None else repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def box_rule(box) -> Optional[str]:
    """Rule of x, y, width, height."""
    if not (are_numbers(box) and len(box) == 4):
        return 'must be 4 numbers x, y, width, height'
    if min(box[2:]) < 0:
        return 'must not have a negative width or height'


def area_rule(area) -> Optional[str]:
    """Rule of an area in square pixels."""
    if not (is_number(area) and area >= 0):
        return 'must be a number of square pixels'


def crowd_rule(iscrowd) -> Optional[str]:
    """Rule of COCO's ``iscrowd``."""
    if not (iscrowd is None or is_number(iscrowd) and iscrowd in (0, 1)):
        return 'must be 0 or 1'


def points_rule(points, num_points: Optional[int] = None) -> Optional[str]:
    """Rule of x, y, visibility of ``num_points`` points, or of any number."""
    if num_points is None:
        if not (are_numbers(points) and len(points) % 3 == 0):
            return 'must be numbers in threes: x, y, visibility'
    elif not (are_numbers(points) and len(points) == 3 * num_points):
        return (f'must be {3 * num_points} numbers: x, y, visibility of '
                f'{num_points} points')


def smpl_rule(smpl) -> Optional[str]:
    """Rule of the parameters of the body model SMPL."""
    if not (isinstance(smpl, dict) and all(
            are_numbers(smpl.get(key)) and len(smpl[key]) == length
            for key, length in (('pose', 72), ('betas', 10)))):
        return 'must hold pose (72 numbers) and betas (10 numbers)'


def no_rule(value) -> Optional[str]:
    """Of these labels only the presence is known."""


def segmentation_rule(segmentation,
                      image: Optional[dict] = None,
                      strict: bool = False) -> Optional[str]:
    """Rule of COCO's polygons and run-length codes.

    Args:
        image: The image's entry, whose size a code must have.
        strict: Refuse polygons of less than three points too; pycocotools
            does.
    """
    if isinstance(segmentation, list):
        if not all(map(are_numbers, segmentation)):
            return 'must be a list of polygons, each a list of numbers'
        if strict and any(
                len(polygon) < 6 or len(polygon) % 2
                for polygon in segmentation):
            return 'must be polygons of three or more points, x and y of each'
    elif not (isinstance(segmentation, dict)
              and isinstance(segmentation.get('counts'), (str, bytes, list))):
        return 'must be polygons or a run-length code with size and counts'
    elif image:
        size = [image.get('height'), image.get('width')]
        if not are_numbers(size):
            return None  # a problem of the image
        if not (isinstance(segmentation.get('size'), (list, tuple))
                and list(segmentation['size']) == size):
            return 'must have the height and width of its image as size'
        if not runs_cover(segmentation['counts'], math.prod(size)):
            return 'must have counts >= 0 that sum up to height * width'
    return None


def mask_result_rule(rle) -> Optional[str]:
    """Rule of a predicted mask: a compressed code, of any size."""
    if not (isinstance(rle, dict) and isinstance(rle.get('counts'), str)
            and isinstance(rle.get('size'), list)
            and list(map(type, rle['size'])) == [int, int]
            and runs_cover(rle['counts'], math.prod(rle['size']))):
        return ('must be compressed RLE: size (height and width) and counts '
                'of as many pixels')


def runs_cover(counts: Union[str, bytes, Sequence[int]],
               num_pixels: int) -> bool:
    """Whether run lengths, compressed or not, are those of a whole mask.

    With others pycocotools may never come to an end. False also for text
    that is no run-length code.
    """
    if isinstance(counts, str):
        counts = counts.encode()
    if isinstance(counts, bytes):
        if not _COMPRESSED_RUNS.fullmatch(counts):
            return False
        counts = run_lengths(counts).tolist()
    elif set(map(type, counts)) != {int}:
        return False
    return min(counts) >= 0 and sum(counts) == num_pixels
