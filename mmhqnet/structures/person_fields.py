"""The one table of what a person can carry.

A row says of a label: key in the annotation file and flag in its ``valid``,
column of ``gt_instances`` and ``pred_instances``, value where unknown, how it
moves with the pixels of the image, how it is evaluated and how it is printed.
Data set, transforms, packing, metric, result files, checks, visualiser and
inferencer read :data:`FIELDS`, to which a config adds rows::

    person_fields = dict(
        helmet=dict(type='category', classes=('none', 'helmet')),
        height_cm=dict(type='number', error=10))
    train_dataloader = dict(dataset=dict(person_fields=person_fields))

The data set hands the rows on: as plain dicts in its ``metainfo``, which
checkpoints keep, and as objects in each sample's results.
"""
from dataclasses import fields, replace
from typing import Dict, Mapping, Optional

from mmhqnet.errors import InputError
from mmhqnet.files import read_config

from .attribute_kinds import CategoryField, NumberField
from .field_kinds import (AreaField, BoxField, MaskField, Motion, PersonBox,
                          PersonField, PointsField)

__all__ = [
    'ADDED_KINDS', 'FIELDS', 'Motion', 'PersonField', 'STANDARD', 'fields_in',
    'fields_of_config', 'fields_to_dicts', 'resolve_fields'
]

FIELDS: Dict[str, PersonField] = {
    field.name: field
    for field in (
        PersonBox('box', key='bbox', flag='bboxes', column='bboxes'),
        MaskField(
            'mask', key='segmentation', flag='segmentation', column='masks'),
        PointsField(
            'pose',
            key='keypoints',
            flag='keypoints_2d',
            column='keypoints',
            num_points=17,
            labelled_column='keypoints_visible',
            score_column='keypoint_scores'),
        AreaField('area', flag='bboxes', column='areas'),
        CategoryField(
            'gender',
            column='genders',
            classes=('male', 'female'),
            short=('M', 'F'),
            named=False,
            score_column='gender_scores'),  # the probability of female
        NumberField(
            'age',
            column='ages',
            low=0,
            high=85,  # as the format says; the model's classes end at 84
            top=84,
            whole=True,
            text='{}'),
        BoxField(
            'face',
            key='face_box',
            column='face_boxes',
            labelled_column='face_valid',
            score_column='face_scores'),
    )
}
#: What the main config predicts and is evaluated by default.
STANDARD = tuple(name for name, field in FIELDS.items()
                 if field.is_evaluated and name != 'face')
#: Types that a config may add; there is one person, one mask, one area.
ADDED_KINDS = {
    kind.kind: kind
    for kind in (CategoryField, NumberField, PointsField, BoxField)
}
# Columns that mean something else.
_TAKEN = {'labels', 'human_queries', 'instances_id', 'extra_fields'}


def resolve_fields(
        added: Optional[Mapping[str, dict]] = None,
        keypoints: Optional[Mapping] = None) -> Dict[str, PersonField]:
    """The table with the rows of a config.

    Args:
        added: Rows by name. Of a built-in row only what differs is given.
        keypoints: ``num_keypoints``, ``flip_indices`` and ``sigmas`` of the
            data set, for the pose.

    Raises: InputError: A row that makes no sense.
    """
    table = dict(FIELDS)
    keypoints = keypoints or {}
    if keypoints.get('num_keypoints'):
        table['pose'] = replace(
            table['pose'],
            num_points=keypoints['num_keypoints'],
            flip_indices=tuple(keypoints.get('flip_indices', ())),
            sigmas=tuple(keypoints.get('sigmas', ())))
    for name, row in (added or {}).items():
        table[name] = _resolve_row(name, dict(row), table)
    columns = [
        column for field in table.values()
        for column in {*field.gt_columns, *field.pred_columns}
    ]
    for name in added or {}:
        for column in table[name].gt_columns + table[name].pred_columns:
            if columns.count(column) > 1 or column in _TAKEN:
                raise InputError(f'person_fields.{name}: another field is '
                                 f"called '{column}'; give this one another "
                                 'name')
    return table


def _resolve_row(name: str, row: dict,
                 table: Mapping[str, PersonField]) -> PersonField:
    where = f'person_fields.{name}'
    builtin = FIELDS.get(name)
    kind = row.pop('type', builtin and builtin.kind)
    cls = ADDED_KINDS.get(kind)
    if builtin is not None and kind == builtin.kind:
        cls = type(builtin)
    if cls is None or not str(name).isidentifier():
        raise InputError(
            f'{where}: the name must be an identifier, and the type one of '
            f'{", ".join(ADDED_KINDS)}, got {kind!r}')
    known = [field.name for field in fields(cls) if field.init]
    for option in row:
        if option not in known:
            raise InputError(f'{where}: unknown option {option!r}; a {kind} '
                             f'has {", ".join(known[1:])}')
    row = {
        option: tuple(value) if isinstance(value, list) else value
        for option, value in row.items()
    }
    row['name'] = name
    if builtin is not None and cls is type(builtin):
        return replace(table[name], **row)
    return cls(**row)


def fields_in(holder: Optional[Mapping]) -> Dict[str, PersonField]:
    """The table that a data set's metainfo or a sample's results carry.

    Without one, as in old checkpoints, it is the built-in table with the
    holder's ``num_keypoints``.
    """
    table = (holder or {}).get('person_fields')
    if table is None:
        return resolve_fields(keypoints=holder)
    if all(isinstance(row, PersonField) for row in table.values()):
        return table
    return {
        name:
        row if isinstance(row, PersonField) else _resolve_row(
            name, dict(row), FIELDS)
        for name, row in table.items()
    }


def fields_to_dicts(table: Mapping[str, PersonField]) -> Dict[str, dict]:
    """The table in plain dicts, for metainfo and checkpoints."""
    return {name: field.to_dict() for name, field in table.items()}


def fields_of_config(
        path: Optional[str],
        keypoints: Optional[Mapping] = None) -> Dict[str, PersonField]:
    """The table with the ``person_fields`` of a config file.

    Raises: InputError: It is missing, broken or has no such entry.
    """
    if path is None:
        return resolve_fields(keypoints=keypoints)
    added = read_config(path).get('person_fields')
    if not isinstance(added, Mapping):
        raise InputError(f'{path}: has no dict person_fields')
    return resolve_fields(added, keypoints)
