"""Checks of annotations: one clear error for each malformed field."""
import json
import math
from numbers import Real
from typing import List, NamedTuple, Optional

import numpy as np

from mmhqnet.datasets.annotations.rules import is_flagged_valid, runs_cover
from mmhqnet.errors import InputError

MAX_AGE = 120


def is_number(value) -> bool:
    """Whether a value is a finite number.

    Args:
        value: Anything.

    Returns:
        bool: True for finite numbers, also of NumPy.
    """
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


class Entry(NamedTuple):
    """Where an annotation or a result is, for error messages."""
    source: str  # the file
    kind: str  # 'annotation' or 'result'
    id: object


def field_error(entry: Entry, field: str, problem: str) -> InputError:
    """Make the error for a malformed field.

    Args:
        entry (Entry): What has the field.
        field (str): The field.
        problem (str): What is wrong with it.

    Returns:
        InputError: To be raised.
    """
    return InputError(f"{entry.source}: {entry.kind} {entry.id}: "
                      f"field '{field}' {problem}")


def check_flag(ann: dict, flag: str, entry: Entry) -> bool:
    """Return whether ``valid`` of an annotation lets a kind of label count.

    Args:
        ann (dict): The annotation.
        flag (str): Name of the flag, such as ``'gender'``.
        entry (Entry): Where it is, for the error message.

    Returns:
        bool: False only if the flag is there and 0.

    Raises:
        InputError: ``valid`` is no dictionary.
    """
    if not isinstance(ann.get('valid') or {}, dict):
        raise field_error(entry, 'valid', 'must be a dictionary of flags')
    return is_flagged_valid(ann, flag)


def check_image_id(ann: dict, entry: Entry):
    """Return the ``image_id`` of an annotation or a result.

    Args:
        ann (dict): The annotation.
        entry (Entry): Where it is, for the error message.

    Returns:
        int | str: The id.

    Raises:
        InputError: It is missing or neither a number nor a string.
    """
    image_id = ann.get('image_id')
    if not isinstance(image_id, (int, str, np.integer)):
        raise field_error(
            entry, 'image_id',
            f'must be a number or string, got {_short(image_id)}')
    return image_id


def check_box(ann: dict, entry: Entry) -> List[float]:
    """Return the ``bbox`` (x, y, w, h) of an annotation or a result.

    Args:
        ann (dict): The annotation.
        entry (Entry): Where it is, for the error message.

    Returns:
        list[float]: The four numbers.

    Raises:
        InputError: It is not four finite numbers or has a negative size.
    """
    bbox = ann.get('bbox')
    if not (isinstance(bbox, (list, tuple, np.ndarray)) and len(bbox) == 4
            and all(map(is_number, bbox)) and min(bbox[2:]) >= 0):
        raise field_error(
            entry, 'bbox',
            f'must be [x, y, width >= 0, height >= 0], got {_short(bbox)}')
    return [float(value) for value in bbox]


def check_area(ann: dict, entry: Entry) -> float:
    """Return the ``area`` of an annotation, by default that of its box.

    Args:
        ann (dict): The annotation.
        entry (Entry): Where it is, for the error message.

    Returns:
        float: Square pixels.

    Raises:
        InputError: It is not a number or negative.
    """
    if ann.get('area') is None:
        return float(ann['bbox'][2]) * float(ann['bbox'][3])
    if not (is_number(ann['area']) and ann['area'] >= 0):
        raise field_error(entry, 'area',
                          f'must be a number >= 0, got {_short(ann["area"])}')
    return float(ann['area'])


def check_crowd(ann: dict, entry: Entry) -> int:
    """Return ``iscrowd`` of an annotation, 0 by default.

    Args:
        ann (dict): The annotation.
        entry (Entry): Where it is, for the error message.

    Returns:
        int: 0 or 1.

    Raises:
        InputError: It is neither 0 nor 1.
    """
    iscrowd = ann.get('iscrowd', 0)
    if not (is_number(iscrowd) and iscrowd in (0, 1)):
        raise field_error(entry, 'iscrowd',
                          f'must be 0 or 1, got {_short(iscrowd)}')
    return int(iscrowd)


def check_attribute(ann: dict, attribute: str,
                    entry: Entry) -> Optional[float]:
    """Return the gender or the age of an annotation, None if not labelled.

    Args:
        ann (dict): The annotation; a missing key, None and -1 all mean that
            the attribute is not labelled.
        attribute (str): 'gender' (0 male, 1 female) or 'age' (years).
        entry (Entry): Where it is, for the error message.

    Returns:
        float | None: The label.

    Raises:
        InputError: The value is impossible.
    """
    value = ann.get(attribute)
    if value is None or (is_number(value) and value == -1):
        return None
    if attribute == 'gender':
        if not (is_number(value) and value in (0, 1)):
            raise field_error(
                entry, 'gender',
                f'must be 0 (male) or 1 (female), got {_short(value)}')
    elif not (is_number(value) and 0 <= value <= MAX_AGE):
        raise field_error(
            entry, 'age',
            f'must be a number of years in 0..{MAX_AGE}, got {_short(value)}')
    return float(value)


def check_keypoints(ann: dict, num_keypoints: int,
                    entry: Entry) -> List[float]:
    """Return ``keypoints`` of an annotation, all zero if there are none.

    Args:
        ann (dict): The annotation.
        num_keypoints (int): Keypoints of a person (K).
        entry (Entry): Where it is, for the error message.

    Returns:
        list[float]: K times x, y, visibility.

    Raises:
        InputError: It is not a list of 3 * K finite numbers.
    """
    keypoints = ann.get('keypoints') or [0] * (3 * num_keypoints)
    if not (isinstance(keypoints, list) and len(keypoints) == 3 * num_keypoints
            and all(map(is_number, keypoints))):
        raise field_error(
            entry, 'keypoints',
            f'must be a list of {3 * num_keypoints} numbers: x, y, '
            f'visibility of {num_keypoints} keypoints')
    return keypoints


def check_segmentation(ann: dict, image: dict, entry: Entry):
    """Return ``segmentation`` of an annotation, None if there is none.

    Args:
        ann (dict): The annotation.
        image (dict): Its image.
        entry (Entry): Where it is, for the error message.

    Returns:
        list[list[float]] | dict | None: Polygons or RLE.

    Raises:
        InputError: It is neither polygons nor RLE of the image's size.
    """
    segmentation = ann.get('segmentation')
    if not segmentation:
        return None
    if isinstance(segmentation, dict):
        size = [image.get('height'), image.get('width')]
        counts = segmentation.get('counts')
        if not (isinstance(counts, (list, str, bytes))
                and segmentation.get('size') in (size, tuple(size))):
            raise field_error(entry, 'segmentation',
                              f'must be RLE with counts and size {size}')
        if not runs_cover(counts, math.prod(size)):
            raise field_error(
                entry, 'segmentation',
                'must have counts >= 0 that sum up to height * width')
        return segmentation
    if not (isinstance(segmentation, list) and all(
            isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) %
            2 == 0 and all(map(is_number, polygon))
            for polygon in segmentation)):
        raise field_error(
            entry, 'segmentation',
            'must be polygons of at least three points, each a list x1, y1, '
            'x2, y2, ...')
    return segmentation


def check_mask_result(result: dict, entry: Entry) -> None:
    """Check ``segmentation`` of a result.

    Args:
        result (dict): The result.
        entry (Entry): Where it is, for the error message.

    Raises:
        InputError: It is not compressed RLE.
    """
    rle = result.get('segmentation')
    if not (isinstance(rle, dict) and isinstance(rle.get('counts'), str)
            and isinstance(rle.get('size'), list)
            and list(map(type, rle['size'])) == [int, int]
            and runs_cover(rle['counts'], math.prod(rle['size']))):
        raise field_error(
            entry, 'segmentation',
            'must be compressed RLE: size (height and width) and counts of '
            'as many pixels')


def read_json(path: str, source: Optional[str] = None):
    """Read a JSON file.

    Args:
        path (str): The file on this machine.
        source (str, optional): What to call it in error messages. Defaults
            to the path.

    Returns:
        Any: Its content.

    Raises:
        InputError: The file is missing or not JSON.
    """
    source = source or path
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise InputError(f'{source}: {error.strerror}') from error
    except ValueError as error:
        raise InputError(f'{source}: not a JSON file ({error})') from error


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
