"""The rule book: what an annotation file of persons may contain.

Written once: the data set and the evaluation stop at the first problem, the
checking tool lists them all. What a single label must look like is said by
its row of the table of person fields and by ``label_rules``.

The format is COCO's person keypoints with optional additions per annotation:
the keys of :data:`mmhqnet.structures.person_fields.FIELDS` and of
:data:`EXTRA_FIELDS`, and ``valid``, a flag per kind of label; absent means
valid. The keys of what is not labelled are absent.
"""
from dataclasses import dataclass
from typing import Callable, Collection, Iterator, Mapping, Optional, Sequence

import numpy as np

from mmhqnet.structures.label_rules import (are_numbers, box_rule, crowd_rule,
                                            is_flagged_valid, is_number,
                                            no_rule, points_rule, shown,
                                            smpl_rule)
from mmhqnet.structures.person_fields import FIELDS, PersonField


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in an annotation file.

    Args:
        section: ``'file'``, ``'image'``, ``'annotation'`` or ``'result'``.
        id: Of the image or annotation, None if it has none.
        field: Name of the field at fault.
        rule: What the field must be; equal for equal problems.
        found: What is there instead.
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
Fields = Mapping[str, PersonField]


@dataclass(frozen=True)
class ExtraField:
    """A label that is only kept: its flag in ``valid`` and its rule."""
    flag: str
    rule: Callable

    def is_given(self, annotation: dict, key: str) -> bool:
        """Whether an annotation has it and does not call it invalid."""
        return (annotation.get(key) is not None
                and is_flagged_valid(annotation, self.flag))


EXTRA_FIELDS = dict(
    valid=ExtraField('valid', no_rule),  # all annotations have its rule
    face_box=ExtraField('face', box_rule),
    face_kpts=ExtraField('face', points_rule),
    lefthand_box=ExtraField('lefthand', box_rule),
    lefthand_kpts=ExtraField('lefthand', points_rule),
    righthand_box=ExtraField('righthand', box_rule),
    righthand_kpts=ExtraField('righthand', points_rule),
    foot_kpts=ExtraField('foot', points_rule),
    smpl=ExtraField('smpl', smpl_rule),
    dense_pose=ExtraField('dense_pose', no_rule),
    bbox_ignore=ExtraField('bboxes', no_rule))

NEEDED_FIELDS = ('box', 'area')
RESULT_NUMBERS = ('score', 'category_id')
IMAGE_KEYS = ('file_name', 'height', 'width')


def find_problems(content: object,
                  fields: Fields = FIELDS,
                  extra_fields: Sequence[str] = (),
                  classes: Sequence[str] = ('person', ),
                  strict: bool = False) -> Problems:
    """Go through the content of an annotation file once.

    Args:
        content: What the JSON file holds.
        fields: Rows whose labels to look at.
        extra_fields: Keys of :data:`EXTRA_FIELDS` to look at.
        classes: Names of the categories to look at.
        strict: Find as well what training does without: polygons of less
            than three points (which an evaluation refuses), boxes outside of
            their image, and labels that contradict each other.

    Yields:
        The problems in the order of the file. Nothing can be said about
        annotations while the file lacks one of its sections.
    """
    structure = list(structure_problems(content, classes))
    yield from structure
    if structure:
        return
    images = {}
    for image in content['images']:
        yield from image_problems(image, images)
    categories = {c['id']: c['name'] for c in content['categories']}
    seen = set()
    for annotation in content['annotations']:
        if not isinstance(annotation, dict):
            yield Problem('annotation', None, 'annotations',
                          'must be a list of dicts', shown(annotation))
            continue
        yield from _id_problems(annotation, seen)
        yield from reference_problems(annotation, images, categories)
        if _entry(categories, annotation.get('category_id')) in classes:
            image = _entry(images, annotation.get('image_id'))
            problems = list(
                person_problems(annotation, image, fields, extra_fields,
                                strict))
            yield from problems
            if strict and image and not problems:
                yield from _contradictions(annotation, image, fields)


def _entry(entries: dict, key):
    """``entries[key]``, None for anything that is no key."""
    return entries.get(key) if type(key) in (int, str) else None


def _is_category(category: object) -> bool:
    return (isinstance(category, dict)
            and type(category.get('id')) in (int, str)
            and isinstance(category.get('name'), str))


def structure_problems(content: object, classes: Sequence[str]) -> Problems:
    """Problems of the sections of a file and of its categories."""
    if not isinstance(content, dict):
        yield Problem('file', None, 'content',
                      'must be a dict with images, annotations, categories',
                      f'a {type(content).__name__}')
        return
    for section in ('images', 'annotations', 'categories'):
        if not isinstance(content.get(section), list):
            yield Problem('file', None, section, 'must be there, as a list',
                          shown(content.get(section)))
    categories = content.get('categories')
    if not isinstance(categories, list):
        return
    if not all(map(_is_category, categories)):
        yield Problem('file', None, 'categories',
                      'must be dicts with id and name', shown(categories))
        return
    names = [category['name'] for category in categories]
    for name in classes:
        if name not in names:
            yield Problem('file', None, 'categories',
                          f"must have a category named '{name}'", shown(names))


def image_problems(image: object,
                   images: dict,
                   needed: Collection[str] = IMAGE_KEYS) -> Problems:
    """Problems of an image entry, which is added to ``images`` by its id."""
    if not isinstance(image, dict):
        yield Problem('image', None, 'images', 'must be a list of dicts',
                      shown(image))
        return
    image_id = image.get('id')
    if type(image_id) not in (int, str):
        yield Problem('image', image_id, 'id', 'must be a number or a string',
                      shown(image_id))
    elif image_id in images:
        yield Problem('image', image_id, 'id', 'must be unique')
    else:
        images[image_id] = image
    for key in needed:
        value = image.get(key)
        if key == 'file_name':
            if not isinstance(value, str):
                yield Problem('image', image_id, key, 'must be a string',
                              shown(value))
        elif not (type(value) is int and value > 0):
            yield Problem('image', image_id, key,
                          'must be a positive whole number', shown(value))


def _id_problems(annotation: dict, seen: set) -> Problems:
    """Problems of the id of an annotation, which is added to ``seen``."""
    annotation_id = annotation.get('id')
    if type(annotation_id) not in (int, str):
        yield Problem('annotation', annotation_id, 'id',
                      'must be a number or a string', shown(annotation_id))
    elif annotation_id in seen:
        yield Problem('annotation', annotation_id, 'id', 'must be unique')
    else:
        seen.add(annotation_id)


def reference_problems(annotation: dict, images: dict,
                       categories: dict) -> Problems:
    """Problems of what an annotation refers to."""
    for field, section, known in (('image_id', 'images', images),
                                  ('category_id', 'categories', categories)):
        value = annotation.get(field)
        if _entry(known, value) is None:
            yield Problem('annotation', annotation.get('id'), field,
                          f"must be the id of an entry in '{section}'",
                          shown(value))


def person_problems(annotation: dict,
                    image: Optional[dict],
                    fields: Fields,
                    extra_fields: Sequence[str] = (),
                    strict: bool = False,
                    needed: Collection[str] = NEEDED_FIELDS) -> Problems:
    """Problems of the labels of a person.

    Args:
        image: Its entry, None if there is none.
        fields, extra_fields, strict: See :func:`find_problems`.
        needed: Rows whose label must be there.
    """

    def problem(key, rule):
        found = shown(annotation.get(key))
        if isinstance(annotation.get(key), list) and len(found) > 40:
            found = f'{len(annotation[key])} entries'
        return Problem('annotation', annotation.get('id'), key, rule, found)

    valid = annotation.get('valid')
    if valid is not None and not (isinstance(valid, dict) and all(
            flag in (0, 1) for flag in valid.values())):
        yield problem('valid', 'must be a dict of flags 0 or 1')
        return
    if not is_flagged_valid(annotation, 'bboxes'):
        return
    rule = crowd_rule(annotation.get('iscrowd'))
    if rule:
        yield problem('iscrowd', rule)
    for field in fields.values():
        if field.name in needed or field.is_given(annotation):
            rule = field.rule(annotation.get(field.key), image, strict)
            if rule:
                yield problem(field.key, rule)
    known = {field.key for field in fields.values()}
    for key in extra_fields:
        extra = EXTRA_FIELDS[key]
        if key not in known and extra.is_given(annotation, key):
            rule = extra.rule(annotation[key])
            if rule:
                yield problem(key, rule)


def result_problems(result: dict,
                    index: int,
                    fields: Sequence[PersonField],
                    numbers: Sequence[str] = RESULT_NUMBERS) -> Problems:
    """Problems of a COCO result.

    Args:
        index: Its place in the file.
        fields: What it predicts.
        numbers: Keys that must hold numbers.
    """

    def problem(key, rule):
        return Problem('result', index, key, rule, shown(result.get(key)))

    image_id = result.get('image_id')
    if not isinstance(image_id, (int, str, np.integer)):
        yield problem('image_id', 'must be a number or a string')
    for key in numbers:
        if not is_number(result.get(key)):
            yield problem(key, 'must be a number')
    rules = {field.result_key: field.result_rule for field in fields}
    if any(field.iou_type is None for field in fields):
        rules['bbox'] = box_rule
    for key, rule_of in rules.items():
        rule = rule_of(result.get(key))
        if rule:
            yield problem(key, rule)


def _contradictions(annotation: dict, image: dict, fields: Fields) -> Problems:
    """Labels of a person, each of them proper, that cannot all be true."""

    def problem(field, rule, found=None):
        return Problem('annotation', annotation.get('id'), field, rule, found
                       or shown(annotation.get(field)))

    flags = annotation.get('valid') or {}
    promised = [(field.key, field.flag, field.is_given(annotation))
                for field in fields.values()
                if field.kind in ('category', 'number', 'box')]
    promised.append(('smpl', 'smpl', annotation.get('smpl') is not None))
    for key, flag, is_given in promised:
        if flags.get(flag) and not is_given:
            yield problem(key, f"must be there, as '{flag}' of 'valid' is 1")
    if not is_flagged_valid(annotation, 'bboxes'):
        return
    x, y, width, height = annotation['bbox']
    size = [image.get('width'), image.get('height')]
    if are_numbers(size) and not (-width <= x < size[0]
                                  and -height <= y < size[1]):
        yield problem('bbox', 'must overlap its image')
    for field in fields.values():
        if field.kind == 'points' and field.is_given(annotation):
            visibilities = annotation[field.key][2::3]
            strange = set(visibilities) - {0, 1, 2}
            labelled = sum(visibility > 0 for visibility in visibilities)
            if strange:
                yield problem(field.key, 'must have visibilities 0, 1 or 2',
                              shown(min(strange)))
            elif field.name == 'pose' and annotation.get(
                    'num_keypoints', labelled) != labelled:
                yield problem('num_keypoints',
                              'must count the keypoints of visibility 1 or 2')
