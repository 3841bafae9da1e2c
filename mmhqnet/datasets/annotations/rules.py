"""What a COCO-UniHuman annotation file may contain.

The rules are written once, here: the dataset class stops at the first
problem, the checking tool lists them all.

The format is COCO's person keypoints with optional additions per annotation:
``gender`` (0 male, 1 female), ``age`` (0..85 years), ``valid`` (a flag per
kind of label; absent means valid) and the fields of :data:`EXTRA_FIELDS`. The
fields of attributes that are not labelled are absent.
"""
import json
import math
import re
from dataclasses import dataclass
from typing import Callable, Iterator, Optional, Sequence, Union

from mmhqnet.errors import InputError
from mmhqnet.structures.run_length_masks import run_lengths

MAX_AGE = 85
# The evaluator of COCO-UniHuman reads -1 as "not labelled".
UNLABELLED = (None, -1)
# A compressed run-length code: numbers of at most 35 bits, five bits in each
# character, the last character of a number from '0' to 'O'.
_COMPRESSED_RUNS = re.compile(b'([P-o]{0,6}[0-O])+')


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in an annotation file.

    Args:
        section (str): ``'file'``, ``'image'`` or ``'annotation'``.
        id (object): Id of the image or annotation, None if it has none.
        field (str): Name of the field at fault.
        rule (str): What the field must be; equal for equal problems.
        found (str): What is there instead.
    """
    section: str
    id: object
    field: str
    rule: str
    found: str = ''

    def __str__(self) -> str:
        where = '' if self.section == 'file' else f'{self.section} {self.id}: '
        found = f', found {self.found}' if self.found else ''
        return f"{where}'{self.field}' {self.rule}{found}"


Problems = Iterator[Problem]


def are_numbers(values) -> bool:
    """Whether something is a list of finite numbers, as JSON gives them.

    Args:
        values (object): Anything.

    Returns:
        bool: False also if there are flags among them.
    """
    try:
        return (isinstance(values, list)
                and set(map(type, values)) <= {int, float}
                and all(map(math.isfinite, values)))
    except OverflowError:  # a whole number beyond all floats
        return False


def _is_number(value) -> bool:
    return are_numbers([value])


def _shown(value) -> str:
    text = 'nothing' if value is None else repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def _box_rule(box) -> Optional[str]:
    if not (are_numbers(box) and len(box) == 4):
        return 'must be 4 numbers x, y, width, height'
    if min(box[2:]) < 0:
        return 'must not have a negative width or height'


def _points_rule(points) -> Optional[str]:
    if not (are_numbers(points) and len(points) % 3 == 0):
        return 'must be numbers in threes: x, y, visibility'


def _smpl_rule(smpl) -> Optional[str]:
    if not (isinstance(smpl, dict) and all(
            are_numbers(smpl.get(key)) and len(smpl[key]) == length
            for key, length in (('pose', 72), ('betas', 10)))):
        return 'must hold pose (72 numbers) and betas (10 numbers)'


def _no_rule(value) -> Optional[str]:
    """Of these labels only the presence is known."""


@dataclass(frozen=True)
class ExtraField:
    """An additional label: its flag in ``valid`` and its rule."""
    flag: str
    rule: Callable


EXTRA_FIELDS = dict(
    valid=ExtraField('valid', _no_rule),  # all annotations have its rule
    face_box=ExtraField('face', _box_rule),
    face_kpts=ExtraField('face', _points_rule),
    lefthand_box=ExtraField('lefthand', _box_rule),
    lefthand_kpts=ExtraField('lefthand', _points_rule),
    righthand_box=ExtraField('righthand', _box_rule),
    righthand_kpts=ExtraField('righthand', _points_rule),
    foot_kpts=ExtraField('foot', _points_rule),
    smpl=ExtraField('smpl', _smpl_rule),
    dense_pose=ExtraField('dense_pose', _no_rule),
    bbox_ignore=ExtraField('bboxes', _no_rule))


def is_labelled(annotation: dict, field: str, flag: str) -> bool:
    """Whether an annotation carries a label and does not call it invalid.

    Args:
        annotation (dict): An annotation of the file.
        field (str): Name of the field that holds the label.
        flag (str): Name of its flag in the annotation's ``valid``.

    Returns:
        bool: True if the field is there, is not None, and its flag is not 0.
    """
    return (annotation.get(field) is not None
            and is_flagged_valid(annotation, flag))


def is_flagged_valid(annotation: dict, flag: str) -> bool:
    """Whether ``valid`` of an annotation lets a kind of label count.

    Args:
        annotation (dict): An annotation of the file.
        flag (str): Name of the flag, such as ``'bboxes'``.

    Returns:
        bool: False only if the flag is there and 0.
    """
    return bool((annotation.get('valid') or {}).get(flag, 1))


def read_annotation_file(path: str, name: Optional[str] = None) -> object:
    """Read a JSON file.

    Args:
        path (str): The file on this machine.
        name (str, optional): The name to use in messages, if the file was
            fetched from elsewhere. Defaults to ``path``.

    Returns:
        object: Its content.

    Raises:
        InputError: If the file is missing, unreadable or not JSON.
    """
    name = name or path
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise InputError(
            f'cannot read annotation file {name}: '
            f'{error.strerror}; check data_root and ann_file') from error
    except ValueError as error:
        raise InputError(f'annotation file {name} is not JSON ({error}); '
                         'download or convert it again') from error


def find_problems(content: object,
                  num_keypoints: int,
                  extra_fields: Sequence[str] = (),
                  classes: Sequence[str] = ('person', ),
                  strict: bool = False) -> Problems:
    """Go through the content of an annotation file once.

    Args:
        content (object): What the JSON file holds.
        num_keypoints (int): Keypoints per person (K).
        extra_fields (Sequence[str]): The additional labels to look at, keys
            of :data:`EXTRA_FIELDS`. Defaults to none.
        classes (Sequence[str]): Names of the categories to look at. Defaults
            to persons.
        strict (bool): Whether to find as well what training does without:
            polygons of less than three points (which an evaluation refuses),
            boxes outside of their image, and labels that contradict each
            other. Defaults to False.

    Yields:
        Problem: The problems in the order of the file. Nothing can be said
        about annotations while the file lacks one of its sections.
    """
    structure = list(_structure_problems(content, classes))
    yield from structure
    if structure:
        return
    images = {}
    for image in content['images']:
        yield from _image_problems(image, images)
    categories = {c['id']: c['name'] for c in content['categories']}
    seen = set()
    for annotation in content['annotations']:
        if not isinstance(annotation, dict):
            yield Problem('annotation', None, 'annotations',
                          'must be a list of dicts', _shown(annotation))
            continue
        yield from _reference_problems(annotation, seen, images, categories)
        if _entry(categories, annotation.get('category_id')) in classes:
            image = _entry(images, annotation.get('image_id'))
            problems = list(
                _person_problems(annotation, image, num_keypoints,
                                 extra_fields, strict))
            yield from problems
            if strict and image and not problems:
                yield from _contradictions(annotation, image)


def _entry(entries: dict, key):
    """``entries[key]``, None for anything that is no key."""
    return entries.get(key) if type(key) in (int, str) else None


def _structure_problems(content, classes) -> Problems:
    if not isinstance(content, dict):
        yield Problem('file', None, 'content',
                      'must be a dict with images, annotations, categories',
                      f'a {type(content).__name__}')
        return
    for section in ('images', 'annotations', 'categories'):
        if not isinstance(content.get(section), list):
            yield Problem('file', None, section, 'must be there, as a list',
                          _shown(content.get(section)))
    categories = content.get('categories')
    if not isinstance(categories, list):
        return
    if not all(
            isinstance(category, dict) and type(category.get('id')) in
        (int, str) and isinstance(category.get('name'), str)
            for category in categories):
        yield Problem('file', None, 'categories',
                      'must be dicts with id and name', _shown(categories))
        return
    names = [category['name'] for category in categories]
    for name in classes:
        if name not in names:
            yield Problem('file', None,
                          'categories', f"must have a category named '{name}'",
                          _shown(names))


def _image_problems(image, images) -> Problems:
    """Problems of an image entry, which is added to ``images`` by its id."""
    if not isinstance(image, dict):
        yield Problem('image', None, 'images', 'must be a list of dicts',
                      _shown(image))
        return
    image_id = image.get('id')
    if type(image_id) not in (int, str):
        yield Problem('image', image_id, 'id', 'must be a number or a string',
                      _shown(image_id))
    elif image_id in images:
        yield Problem('image', image_id, 'id', 'must be unique')
    else:
        images[image_id] = image
    if not isinstance(image.get('file_name'), str):
        yield Problem('image', image_id, 'file_name', 'must be a string',
                      _shown(image.get('file_name')))
    for side in ('height', 'width'):
        if not (type(image.get(side)) is int and image[side] > 0):
            yield Problem('image', image_id, side,
                          'must be a positive whole number',
                          _shown(image.get(side)))


def _reference_problems(annotation, seen, images, categories) -> Problems:
    """Problems of the ids of an annotation; its own is added to ``seen``."""
    annotation_id = annotation.get('id')
    if type(annotation_id) not in (int, str):
        yield Problem('annotation', annotation_id, 'id',
                      'must be a number or a string', _shown(annotation_id))
    elif annotation_id in seen:
        yield Problem('annotation', annotation_id, 'id', 'must be unique')
    else:
        seen.add(annotation_id)
    for field, section, known in (('image_id', 'images', images),
                                  ('category_id', 'categories', categories)):
        value = annotation.get(field)
        if _entry(known, value) is None:
            yield Problem('annotation', annotation_id, field,
                          f"must be the id of an entry in '{section}'",
                          _shown(value))


def _person_problems(annotation, image, num_keypoints, extra_fields,
                     strict) -> Problems:

    def problem(field, rule, found=None):
        return Problem('annotation', annotation.get('id'), field, rule, found
                       or _shown(annotation.get(field)))

    valid = annotation.get('valid')
    if valid is not None and not (isinstance(valid, dict) and all(
            flag in (0, 1) for flag in valid.values())):
        yield problem('valid', 'must be a dict of flags 0 or 1')
        return
    if not is_flagged_valid(annotation, 'bboxes'):
        return
    rule = _box_rule(annotation.get('bbox'))
    if rule:
        yield problem('bbox', rule)
    area = annotation.get('area')
    if not (_is_number(area) and area >= 0):
        yield problem('area', 'must be a number of square pixels')
    if annotation.get('iscrowd', 0) not in (0, 1):
        yield problem('iscrowd', 'must be 0 or 1')
    if is_labelled(annotation, 'keypoints', 'keypoints_2d'):
        keypoints = annotation['keypoints']
        if not are_numbers(keypoints):
            yield problem('keypoints', 'must be a list of numbers')
        elif len(keypoints) != 3 * num_keypoints:
            yield problem(
                'keypoints', f'must be {3 * num_keypoints} numbers: x, y, '
                f'visibility of {num_keypoints} keypoints',
                f'{len(keypoints)}')
    if is_labelled(annotation, 'segmentation', 'segmentation'):
        rule = _segmentation_rule(annotation['segmentation'], image, strict)
        if rule:
            yield problem('segmentation', rule)
    gender, age = annotation.get('gender'), annotation.get('age')
    if (is_flagged_valid(annotation, 'gender') and gender not in UNLABELLED
            and gender not in (0, 1)):
        yield problem('gender', 'must be 0 (male) or 1 (female)')
    if (is_flagged_valid(annotation, 'age') and age not in UNLABELLED
            and not (_is_number(age) and 0 <= age <= MAX_AGE)):
        yield problem('age', f'must be a number from 0 to {MAX_AGE}')
    for field in extra_fields:
        extra = EXTRA_FIELDS[field]
        if is_labelled(annotation, field, extra.flag):
            rule = extra.rule(annotation[field])
            if rule:
                yield problem(field, rule)


def _contradictions(annotation, image) -> Problems:
    """Labels of a person, each of them proper, that cannot all be true."""

    def problem(field, rule, found=None):
        return Problem('annotation', annotation.get('id'), field, rule, found
                       or _shown(annotation.get(field)))

    for field, flag in (('gender', 'gender'), ('age', 'age'),
                        ('face_box', 'face'), ('smpl', 'smpl')):
        if ((annotation.get('valid') or {}).get(flag)
                and annotation.get(field) in UNLABELLED):
            yield problem(field, f"must be there, as '{flag}' of 'valid' is 1")
    if not is_flagged_valid(annotation, 'bboxes'):
        return
    x, y, width, height = annotation['bbox']
    size = [image.get('width'), image.get('height')]
    if are_numbers(size) and not (-width <= x < size[0]
                                  and -height <= y < size[1]):
        yield problem('bbox', 'must overlap its image')
    if is_labelled(annotation, 'keypoints', 'keypoints_2d'):
        visibilities = annotation['keypoints'][2::3]
        strange = set(visibilities) - {0, 1, 2}
        labelled = sum(visibility > 0 for visibility in visibilities)
        if strange:
            yield problem('keypoints', 'must have visibilities 0, 1 or 2',
                          _shown(min(strange)))
        elif annotation.get('num_keypoints', labelled) != labelled:
            yield problem('num_keypoints',
                          'must count the keypoints of visibility 1 or 2')


def _segmentation_rule(segmentation, image, strict) -> Optional[str]:
    if isinstance(segmentation, list):
        if not all(map(are_numbers, segmentation)):
            return 'must be a list of polygons, each a list of numbers'
        if strict and any(
                len(polygon) < 6 or len(polygon) % 2
                for polygon in segmentation):
            return 'must be polygons of three or more points, x and y of each'
    elif not (isinstance(segmentation, dict)
              and isinstance(segmentation.get('counts'), (str, list))):
        return 'must be polygons or a run-length code with size and counts'
    elif image:
        size = [image.get('height'), image.get('width')]
        if not are_numbers(size):
            return None  # a problem of the image
        if segmentation.get('size') != size:
            return 'must have the height and width of its image as size'
        if not runs_cover(segmentation['counts'], math.prod(size)):
            return 'must have counts >= 0 that sum up to height * width'
    return None


def runs_cover(counts: Union[str, bytes, Sequence[int]],
               num_pixels: int) -> bool:
    """Whether run lengths, compressed or not, are those of a whole mask.

    With others pycocotools may never come to an end.

    Args:
        counts (str | bytes | Sequence[int]): ``counts`` of COCO's run-length
            code.
        num_pixels (int): Height times width of the mask.

    Returns:
        bool: False also for text that is no run-length code.
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
