"""Predictions of a whole data set, in columns and as COCO results."""
import gc
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

import numpy as np

from mmhqnet.errors import InputError

from .annotation_checks import (Entry, check_box, check_image_id,
                                check_keypoints, check_mask_result,
                                field_error, is_number, read_json)
from .attributes import Persons, detected_persons, result_persons
from .greedy_matching import rank_within
from .tasks import KINDS, TASKS


@contextmanager
def paused_garbage_collection():
    """Half a million new dictionaries would be searched through again and
    again for cycles that they can not have."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class HumanPredictions:
    """Predictions of many images.

    Args:
        images (Iterable[dict]): One record per image: ``img_id`` and arrays
            of n persons, ``bboxes`` (n, 4) xyxy, ``scores`` (n, ), ``labels``
            (n, ) and, where the task is on, ``masks`` (list of n RLE),
            ``mask_scores`` (n, ), ``keypoints`` (n, K, 2), ``keypoint_scores``
            (n, K), ``genders`` (n, ), ``gender_scores`` (n, ), ``ages``
            (n, ).
        cat_ids (Sequence[int]): Category id of each label.
    """

    def __init__(self, images: Iterable[dict], cat_ids: Sequence[int]):
        self._images = [image for image in images if len(image['scores'])]
        self._cat_ids = np.asarray(cat_ids)
        #: list: Ids of the images that have predictions.
        self.image_ids = [image['img_id'] for image in self._images]
        # Index into image_ids of each person.
        self._image_index = np.repeat(
            np.arange(len(self._images)),
            [len(image['scores']) for image in self._images])

    def __contains__(self, field: str) -> bool:
        return all(field in image for image in self._images)

    def __getitem__(self, field: str) -> np.ndarray:
        """A field of all persons, float64, shape (num_persons, ...)."""
        return np.concatenate(
            [np.asarray(image[field], float) for image in self._images])

    def _boxes(self) -> np.ndarray:
        """Boxes as x, y, w, h, shape (num_persons, 4)."""
        boxes = self['bboxes']
        return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])

    def persons(self, attribute: str) -> Persons:
        """The detections in columns, for attribute AP.

        Args:
            attribute (str): 'gender' or 'age'.

        Returns:
            Persons: All detections.
        """
        if not self._images:
            return detected_persons([], [], [], [])
        return detected_persons(
            np.array(self.image_ids)[self._image_index], self._boxes(),
            self[TASKS[attribute].field], self['scores'])

    @paused_garbage_collection()
    def results(self, kind: str, max_dets: Optional[int] = None) -> List[dict]:
        """COCO results of one kind.

        Masks and keypoints carry no ``bbox``: with one, COCO would take the
        area of the box for the area of the person. A mask is ranked by its
        mask score, which holds the detection score as a factor, everything
        else by the detection score (spec 4).

        Args:
            kind (str): 'bbox', 'segm', 'keypoints' or 'attributes'.
            max_dets (int, optional): How many of the best to keep per image
                and label; COCO looks at no more. Defaults to all.

        Returns:
            list[dict]: One new dictionary per person, ready for JSON but for
            ``counts`` of masks, which may be bytes.
        """
        if not self._images:
            return []
        scores = self['scores']
        if kind == 'segm' and 'mask_scores' in self:
            scores = self['mask_scores']
        keep = self._best(scores, max_dets or len(scores))
        columns = dict(
            image_id=np.array(self.image_ids)[self._image_index[keep]],
            category_id=self._cat_ids[self['labels'].astype(int)[keep]],
            score=scores[keep])
        if kind in ('bbox', 'attributes'):
            columns['bbox'] = self._boxes()[keep]
        if kind == 'segm':
            masks = [rle for image in self._images for rle in image['masks']]
            columns['segmentation'] = [masks[i] for i in keep]
        if kind == 'keypoints':
            columns['keypoints'] = self._keypoint_triples()[keep]
        if kind == 'attributes':
            if 'genders' in self:
                columns['gender'] = self['genders'][keep].astype(int)
            if 'gender_scores' in self:
                columns['gender_score'] = self['gender_scores'][keep]
            if 'ages' in self:
                columns['age'] = self['ages'][keep]
        values = (
            column if isinstance(column, list) else column.tolist()
            for column in columns.values())
        return [dict(zip(columns, row)) for row in zip(*values)]

    def _best(self, scores: np.ndarray, max_dets: int) -> np.ndarray:
        """Indices of the best persons of each image and label."""
        if max(len(image['scores']) for image in self._images) <= max_dets:
            return np.arange(len(scores))
        group = self._image_index * len(self._cat_ids) + self['labels']
        order = np.lexsort((-scores, group))
        return np.sort(order[rank_within(group[order]) < max_dets])

    def _keypoint_triples(self) -> np.ndarray:
        """x, y and confidence of each keypoint, (num_persons, 3 * K)."""
        points = self['keypoints']
        confidence = np.ones(points.shape[:2])
        if 'keypoint_scores' in self:
            confidence = self['keypoint_scores']
        return np.dstack([points, confidence]).reshape(len(points), -1)

    def write(self, prefix: str, metrics: Sequence[str]) -> Dict[str, str]:
        """Write COCO result files.

        Args:
            prefix (str): The files are called PREFIX.bbox.json,
                PREFIX.segm.json, PREFIX.keypoints.json and
                PREFIX.attributes.json.
            metrics (Sequence[str]): Tasks whose results to write.

        Returns:
            dict[str, str]: Path of each kind of file.

        Raises:
            InputError: They can not be written.
        """
        paths = {
            TASKS[name].kind: f'{prefix}.{TASKS[name].kind}.json'
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
        names (Sequence[str]): Result files, or the one prefix that
            PREFIX.bbox.json and so on have in common.
        num_keypoints (int): Keypoints of a person. Defaults to 17.

    Raises:
        InputError: There is no such file, or it holds something else.
    """

    def __init__(self, names: Sequence[str], num_keypoints: int = 17) -> None:
        self._results, self._paths = {}, {}
        for path in self._find(names):
            kind, results = _read_results(path, num_keypoints)
            if kind in self._results:
                raise InputError(f'{path}: {self._paths[kind]} holds {kind} '
                                 'results too; give one of them')
            self._results[kind], self._paths[kind] = results, path
        self.image_ids = [
            result['image_id'] for results in self._results.values()
            for result in results
        ]

    @staticmethod
    def _find(names: Sequence[str]) -> List[str]:
        paths = []
        for name in names:
            files = [f'{name}.{kind}.json' for kind in KINDS]
            files = [file for file in files if Path(file).is_file()]
            if not files and not Path(name).is_file():
                raise InputError(f'{name}: neither a result file nor the '
                                 f'prefix of one ({name}.bbox.json)')
            paths += files or [name]
        return paths

    @property
    def metrics(self) -> List[str]:
        """list[str]: The tasks that can be evaluated."""
        return [
            name for name, task in TASKS.items()
            if task.kind in self._results and all(
                name in result for result in self._results[task.kind]
                if task.kind == 'attributes')
        ]

    def results(self, kind: str, max_dets: Optional[int] = None) -> List[dict]:
        """COCO results of one kind.

        Args:
            kind (str): 'bbox', 'segm', 'keypoints' or 'attributes'.
            max_dets (int, optional): Not used; the evaluator drops the rest.

        Returns:
            list[dict]: The results.

        Raises:
            InputError: No file of that kind was given.
        """
        if kind not in self._results:
            raise InputError(
                f'there are no {kind} results, only '
                f'{", ".join(self._paths.values())}; leave out the metric or '
                f'add the .{kind}.json file')
        return self._results[kind]

    def persons(self, attribute: str) -> Persons:
        """The detections in columns, for attribute AP.

        Args:
            attribute (str): 'gender' or 'age'.

        Returns:
            Persons: All detections.

        Raises:
            InputError: No such results were given.
        """
        return result_persons(
            self.results('attributes'), attribute, self._paths['attributes'])


def _read_results(path: str, num_keypoints: int) -> tuple:
    """Read and check a result file; also find out its kind."""
    results = read_json(path)
    if not isinstance(results, list) or not all(
            isinstance(result, dict) for result in results):
        raise InputError(f'{path}: a COCO result file is a list of results')
    kind = _kind_of(path, results)
    for index, result in enumerate(results):
        entry = Entry(path, 'result', index)
        check_image_id(result, entry)
        for field in ('score', 'category_id'):
            if not is_number(result.get(field)):
                raise field_error(
                    entry, field, 'must be a number, got '
                    f'{result.get(field)!r}')
        if kind == 'segm':
            check_mask_result(result, entry)
            result.pop('bbox', None)
        elif kind == 'keypoints':
            if not result.get('keypoints'):
                raise field_error(entry, 'keypoints', 'is missing or empty')
            check_keypoints(result, num_keypoints, entry)
            result.pop('bbox', None)
        else:
            check_box(result, entry)
    return kind, results


def _kind_of(path: str, results: List[dict]) -> str:
    for kind in KINDS:
        if path.endswith(f'.{kind}.json'):
            return kind
    keys = set(results[0]) if results else set()
    if 'segmentation' in keys:
        return 'segm'
    if 'keypoints' in keys:
        return 'keypoints'
    return 'attributes' if keys & {'gender', 'age'} else 'bbox'
