"""Predictions of a whole data set, in columns and as COCO results."""
import json
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np

from mmhqnet.collector import resting_collector
from mmhqnet.datasets.annotations.rules import result_problems
from mmhqnet.errors import InputError
from mmhqnet.files import read_json
from mmhqnet.structures.person_fields import FIELDS, PersonField

from .attributes import Persons, detected_persons, result_persons
from .greedy_matching import rank_within
from .tasks import attributes_of, metrics_of

Fields = Mapping[str, PersonField]


def fields_of_kind(fields: Fields, kind: str) -> List[PersonField]:
    """The rows whose results are in ``PREFIX.<kind>.json``."""
    return [
        fields[name] for name in metrics_of(fields)
        if fields[name].result_kind == kind
    ]


def result_kinds(fields: Fields) -> List[str]:
    """The kinds of result files of a table."""
    return list(
        dict.fromkeys(fields[name].result_kind for name in metrics_of(fields)))


class HumanPredictions:
    """Predictions of many images.

    Args:
        images: One record per image: ``img_id`` and arrays of n persons,
            ``bboxes`` (n, 4) xyxy, ``scores`` (n,), ``labels`` (n,) and the
            columns of the table of person fields for the tasks that are on;
            ``masks`` are a list of n RLE.
        cat_ids: Category id of each label.
    """

    def __init__(self,
                 images: Iterable[dict],
                 cat_ids: Sequence[int],
                 fields: Fields = FIELDS) -> None:
        self._images = [image for image in images if len(image['scores'])]
        self._cat_ids = np.asarray(cat_ids)
        self._fields = fields
        #: list: Ids of the images that have predictions.
        self.image_ids = [image['img_id'] for image in self._images]
        # Index into image_ids of each person.
        self._image_index = np.repeat(
            np.arange(len(self._images)),
            [len(image['scores']) for image in self._images])

    def __contains__(self, column: str) -> bool:
        return all(column in image for image in self._images)

    def __getitem__(self, column: str) -> np.ndarray:
        """A column of all persons, float64, shape (num_persons, ...)."""
        return np.concatenate(
            [np.asarray(image[column], float) for image in self._images])

    def _boxes(self, column: str = 'bboxes') -> np.ndarray:
        """Boxes as x, y, w, h, shape (num_persons, 4)."""
        boxes = self[column]
        return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])

    def persons(self, attribute: str) -> Persons:
        """All detections in columns, for the AP of an attribute."""
        if not self._images:
            return detected_persons([], [], [], [])
        return detected_persons(
            np.array(self.image_ids)[self._image_index], self._boxes(),
            self[self._fields[attribute].column], self['scores'])

    @resting_collector()
    def results(self, kind: str, max_dets: Optional[int] = None) -> List[dict]:
        """COCO results of one kind.

        Masks and keypoints carry no ``bbox``: with one, COCO would take the
        area of the box for the area of the person. Masks, and boxes at
        persons, are ranked by their own scores, everything else by that of
        the person.

        Args:
            kind: 'bbox', 'segm', 'keypoints', 'attributes', or the name of a
                row with a file of its own, such as 'face'.
            max_dets: How many of the best to keep per image and label; COCO
                looks at no more. Defaults to all.

        Returns:
            One new dictionary per person, ready for JSON but for ``counts``
            of masks, which may be bytes.
        """
        if not self._images:
            return []
        fields = fields_of_kind(self._fields, kind)
        scores = self['scores']
        if fields[0].has_own_rank and fields[0].score_column in self:
            scores = self[fields[0].score_column]
        keep = self._best(scores, max_dets or len(scores))
        columns = dict(
            image_id=np.array(self.image_ids)[self._image_index[keep]],
            category_id=self._cat_ids[self['labels'].astype(int)[keep]],
            score=scores[keep])
        if kind == 'attributes':
            columns['bbox'] = self._boxes()[keep]
        for field in fields:
            if field.column in self:
                columns.update(self._columns(field, keep))
        values = (
            column if isinstance(column, list) else column.tolist()
            for column in columns.values())
        return [dict(zip(columns, row)) for row in zip(*values)]

    def _columns(self, field: PersonField, keep: np.ndarray) -> dict:
        """What the results of the kept persons hold of a field, by key."""
        if field.iou_type == 'bbox':
            return dict(bbox=self._boxes(field.column)[keep])
        if field.iou_type == 'segm':
            masks = [rle for image in self._images for rle in image['masks']]
            return dict(segmentation=[masks[i] for i in keep])
        if field.iou_type == 'keypoints':
            return dict(keypoints=self._point_triples(field)[keep])
        values = self[field.column][keep]
        columns = {field.key: values}
        if field.kind == 'category':
            columns[field.key] = list(map(field.printed, values))
        if field.score_column and field.score_column in self:
            columns[f'{field.key}_score'] = self[field.score_column][keep]
        return columns

    def _best(self, scores: np.ndarray, max_dets: int) -> np.ndarray:
        """Indices of the best persons of each image and label."""
        if max(len(image['scores']) for image in self._images) <= max_dets:
            return np.arange(len(scores))
        group = self._image_index * len(self._cat_ids) + self['labels']
        order = np.lexsort((-scores, group))
        return np.sort(order[rank_within(group[order]) < max_dets])

    def _point_triples(self, field: PersonField) -> np.ndarray:
        """x, y and confidence of each point, (num_persons, 3 * K)."""
        points = self[field.column]
        confidence = np.ones(points.shape[:2])
        if field.score_column in self:
            confidence = self[field.score_column]
        return np.dstack([points, confidence]).reshape(len(points), -1)

    def write(self, prefix: str, metrics: Sequence[str]) -> Dict[str, str]:
        """Write the COCO results of some tasks, PREFIX.bbox.json and so on.

        Returns: Path of each kind of file.
        Raises: InputError: They can not be written.
        """
        paths = {
            self._fields[name].result_kind:
            f'{prefix}.{self._fields[name].result_kind}.json'
            for name in metrics
        }
        try:
            Path(prefix).absolute().parent.mkdir(parents=True, exist_ok=True)
            for kind, path in paths.items():
                Path(path).write_text(
                    json.dumps(self.results(kind), default=bytes.decode))
        except OSError as error:
            raise InputError(f'cannot write results to {prefix}.*.json: '
                             f'{error.strerror}') from error
        return paths


class ResultFiles:
    """Predictions that were written to COCO result files.

    Args:
        names: Result files, or the one prefix that PREFIX.bbox.json and so on
            have in common.

    Raises: InputError: There is no such file, or it holds something else.
    """

    def __init__(self, names: Sequence[str], fields: Fields = FIELDS) -> None:
        self._results, self._paths, self._fields = {}, {}, fields
        for path in self._find(names):
            kind, results = _read_results(path, fields)
            if kind in self._results:
                raise InputError(f'{path}: {self._paths[kind]} holds {kind} '
                                 'results too; give one of them')
            self._results[kind], self._paths[kind] = results, path
        self.image_ids = [
            result['image_id'] for results in self._results.values()
            for result in results
        ]

    def _find(self, names: Sequence[str]) -> List[str]:
        paths = []
        for name in names:
            files = [
                f'{name}.{kind}.json' for kind in result_kinds(self._fields)
            ]
            files = [file for file in files if Path(file).is_file()]
            if not files and not Path(name).is_file():
                raise InputError(f'{name}: neither a result file nor the '
                                 f'prefix of one ({name}.bbox.json)')
            paths += files or [name]
        return paths

    @property
    def metrics(self) -> List[str]:
        """The tasks that can be evaluated."""
        return [
            name for name in metrics_of(self._fields)
            if self._fields[name].result_kind in self._results and (
                name not in attributes_of(self._fields) or all(
                    self._fields[name].key in result
                    for result in self._results['attributes']))
        ]

    def results(self, kind: str, max_dets: Optional[int] = None) -> List[dict]:
        """See :meth:`HumanPredictions.results`; ``max_dets`` is not used.

        Raises: InputError: No file of that kind was given.
        """
        if kind not in self._results:
            raise InputError(
                f'there are no {kind} results, only '
                f'{", ".join(self._paths.values())}; leave out the metric or '
                f'add the .{kind}.json file')
        return self._results[kind]

    def persons(self, attribute: str) -> Persons:
        """All detections in columns, for the AP of an attribute."""
        return result_persons(
            self.results('attributes'), self._fields[attribute],
            self._paths['attributes'])


def _read_results(path: str, fields: Fields) -> tuple:
    """Read and check a result file; also find out its kind."""
    results = read_json(path)
    if not isinstance(results, list) or not all(
            isinstance(result, dict) for result in results):
        raise InputError(f'{path}: a COCO result file is a list of results')
    kind = _kind_of(path, results, fields)
    # Attributes may be there or not; whoever evaluates them looks at them.
    predicted = [fields['box']] if kind == 'attributes' else fields_of_kind(
        fields, kind)
    for index, result in enumerate(results):
        for problem in result_problems(result, index, predicted):
            raise InputError(f'{path}: {problem}')
        if kind in ('segm', 'keypoints'):
            result.pop('bbox', None)
    return kind, results


def _kind_of(path: str, results: List[dict], fields: Fields) -> str:
    for kind in result_kinds(fields):
        if path.endswith(f'.{kind}.json'):
            return kind
    keys = set(results[0]) if results else set()
    for field in (fields['mask'], fields['pose']):
        if field.result_key in keys:
            return field.result_kind
    attributes = {fields[name].key for name in attributes_of(fields)}
    return 'attributes' if keys & attributes else 'bbox'
