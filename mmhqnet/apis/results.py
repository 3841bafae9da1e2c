"""What is known of the persons in an image, as objects and for other tools.

What a person has is what the table of person fields lists
(:mod:`mmhqnet.structures.person_fields`) and the model predicts.
"""
import json
from collections.abc import Sequence
from typing import Any, Dict, Iterator, List, Mapping, Optional

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.structures.person_fields import fields_in
from mmhqnet.structures.run_length_masks import encode_masks
from mmhqnet.visualization.privacy import blur_persons

from .sources import Frame

VERSION = 1
"""int: Of the format of :meth:`Persons.to_dict`; a change that readers must
know of makes it greater."""
PROMPTED_VERSION = 2
"""int: Where ``persons`` are not all, but the one that a prompt means."""


class Person:
    """One person: ``person.bbox``, ``person.age``, ``person['helmet']``.

    Its fields are numbers, text and arrays: ``bbox`` (4,) xyxy, ``score``,
    ``track_id``, ``mask`` (H, W) bool, ``mask_score``, ``keypoints`` (K, 2),
    ``keypoint_scores`` (K,), ``keypoints_visible`` (K,), ``gender`` and
    ``gender_score``, ``age``, and those of further tasks. Which there are
    depends on the model; ``dir(person)`` lists them. Coordinates are pixels
    of the image.
    """

    def __init__(self, fields: Dict[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        value = self._fields[name]
        return mask_utils.decode(value).astype(bool) if name == 'mask' \
            else value

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_') or name not in self._fields:
            raise AttributeError(
                f'this person has no {name!r}; it has '
                f'{", ".join(self.__dict__.get("_fields", ()))}')
        return self[name]

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        words = [
            f'{name}={_plain(value)}' for name, value in self._fields.items()
            if np.ndim(value) == 0 and not isinstance(value, dict)
        ]
        return f'Person({", ".join(words)})'

    def to_dict(self) -> dict:
        """The person as in :meth:`Persons.to_dict`."""
        fields = dict(self._fields)
        scores = fields.pop('keypoint_scores', None)
        if scores is not None:
            fields['keypoints'] = np.column_stack(
                [fields['keypoints'], scores])
        return {name: _plain(value) for name, value in fields.items()}


class Persons(Sequence):
    """The persons in one image, best first.

    A sequence of :class:`Person`; ``persons.columns`` has all at once, as
    arrays under the names of ``pred_instances``.

    Attributes:
        image: (H, W, 3) BGR.
        name: What outputs for the image are called.
        path: Its file.
        index: Number of the frame within its video.
        time: Seconds since the beginning of the video.
        error: Why the image could not be read.
        rate: Frames per second of the video.
        prompt: Who was asked for, if anybody.
        choice: Why this person, or nobody; a
            :class:`~mmhqnet.apis.prompt_selection.Choice`.
        columns: n arrays or, of masks, run-length codes, by field.
    """

    def __init__(self,
                 frame: Frame,
                 instances: Optional[InstanceData] = None,
                 dataset_meta: Optional[Mapping] = None,
                 visualizer=None,
                 sample: Optional[DetDataSample] = None) -> None:
        (self.image, self.name, self.path, self.index, self.time, self.error,
         self.rate) = frame
        self.columns = {} if instances is None else {
            name: _column(name, value)
            for name, value in instances.items()
        }
        self.prompt = sample and sample.get('asked')
        self.choice = sample and sample.get('choice')
        self._meta = dataset_meta or {}
        self._visualizer = visualizer
        self._table = fields_in(self._meta)

    def __len__(self) -> int:
        return len(self.columns.get('scores', ()))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        row = {name: values[index] for name, values in self.columns.items()}
        return Person(self._fields_of(row))

    def __repr__(self) -> str:
        what = self.error or f'{len(self)} persons'
        return f'<Persons {self.name}: {what}>'

    def _fields_of(self, row: Dict[str, Any]) -> Dict[str, Any]:
        """A person's fields in the singular, built-in ones first."""
        fields = dict(bbox=row.pop('bboxes'), score=float(row.pop('scores')))
        row.pop('labels', None)
        if 'instances_id' in row:
            fields['track_id'] = int(row.pop('instances_id'))
        for field in self._table.values():
            if field.column not in row:
                continue
            value = row.pop(field.column)
            score = row.pop(field.score_column, None)
            name = 'keypoints' if field.name == 'pose' else field.key \
                if field.kind == 'box' else field.name
            classes = getattr(field, 'classes', ())
            if classes:
                if field.name == 'gender' and score is not None:
                    score = score if value else 1 - score  # was of female
                value = classes[int(value)]
            fields[name] = value.item() if np.ndim(value) == 0 and hasattr(
                value, 'item') else value
            if score is not None:
                plural = name == 'keypoints' or np.ndim(score)
                fields['keypoint_scores' if plural else
                       f'{field.name}_score'] = score if plural else float(
                           score)
        return {**fields, **row}  # tasks that the table does not know

    def to_dict(self) -> dict:
        """Plain lists, numbers and text; see ``docs/results.md``.

        Pixels are rounded to hundredths, the rest to four digits.
        """
        image = dict(name=self.name, path=self.path)
        if self.image is not None:
            image['height'], image['width'] = self.image.shape[:2]
        if self.index is not None:
            image.update(frame=self.index, time=self.time)
        result = dict(version=VERSION, image=image)
        if self.error:
            return dict(result, error=self.error)
        if self.prompt is not None:
            result.update(
                version=PROMPTED_VERSION,
                prompt=self.prompt.to_dict(),
                choice=self.choice.to_dict())
        return dict(result, persons=[person.to_dict() for person in self])

    def to_json(self, **kwargs) -> str:
        """:meth:`to_dict` as one line; ``kwargs`` are of ``json.dumps``."""
        return json.dumps(self.to_dict(), **kwargs)

    def to_coco(self, image_id: int, kind: str = 'bbox') -> List[dict]:
        """Entries of a COCO result file.

        Args:
            image_id: Of the image in the annotation file.
            kind: ``bbox``, ``segm`` or ``keypoints``.

        Raises: InputError: If the model does not predict that.
        """
        column = dict(bbox='bboxes', segm='masks', keypoints='keypoints')
        if kind not in column or (len(self)
                                  and column[kind] not in self.columns):
            raise InputError(f'there are no {kind!r} results; choose from '
                             'bbox, segm and keypoints, if the model has them')
        entries = []
        for person in self:
            entry = dict(image_id=image_id, category_id=1, score=person.score)
            if kind == 'bbox':
                x1, y1, x2, y2 = person.bbox.tolist()
                entry['bbox'] = [x1, y1, x2 - x1, y2 - y1]
            elif kind == 'segm':
                fields = person.to_dict()
                entry.update(
                    segmentation=fields['mask'],
                    score=fields.get('mask_score', person.score))
            else:
                entry['keypoints'] = np.column_stack(
                    [person.keypoints,
                     person.keypoint_scores]).ravel().tolist()
            entries.append(entry)
        return entries

    def to_supervision(self) -> tuple:
        """``sv.Detections`` and ``sv.KeyPoints`` of the same persons.

        Gender, age and other fields are in ``detections.data``; without
        poses the second is None. Needs ``pip install supervision``.
        """
        try:
            import supervision as sv
        except ImportError as error:
            raise InputError(
                'to_supervision needs `pip install supervision`') from error
        count, columns = len(self), self.columns
        persons = list(self)
        skipped = ('bbox', 'score', 'mask', 'track_id', 'keypoints',
                   'keypoint_scores')
        names = [
            n for n in (persons[0]._fields if persons else ())
            if n not in skipped
        ]
        detections = sv.Detections(
            xyxy=np.asarray(columns.get('bboxes', ()), float).reshape(-1, 4),
            mask=self._masks(range(count)) if 'masks' in columns else None,
            confidence=np.asarray(columns.get('scores', ()), float),
            class_id=np.zeros(count, int),
            tracker_id=columns.get('instances_id'),
            data={n: np.array([p[n] for p in persons])
                  for n in names})
        if 'keypoints' not in columns:
            return detections, None
        return detections, sv.KeyPoints(
            xy=columns['keypoints'],
            keypoint_confidence=columns['keypoint_scores'],
            class_id=np.zeros(count, int))

    def to_pose_data_samples(self) -> list:
        """One ``mmpose.structures.PoseDataSample`` per person.

        As mmpose's ``inference_topdown`` gives them, for what follows it.
        """
        from mmpose.structures import PoseDataSample
        samples = []
        for index in range(len(self)):
            one = slice(index, index + 1)
            size = self.image.shape[:2]
            sample = PoseDataSample(
                metainfo=dict(
                    img_path=self.path, ori_shape=size, img_shape=size))
            sample.pred_instances = InstanceData(
                keypoints=self.columns['keypoints'][one],
                keypoint_scores=self.columns['keypoint_scores'][one],
                bboxes=self.columns['bboxes'][one],
                bbox_scores=self.columns['scores'][one])
            if 'keypoints_visible' in self.columns:
                sample.pred_instances.keypoints_visible = self.columns[
                    'keypoints_visible'][one]
            sample.gt_instances = InstanceData(
                bboxes=self.columns['bboxes'][one],
                bbox_scores=self.columns['scores'][one])
            samples.append(sample)
        return samples

    def to_instances(self) -> InstanceData:
        """Tensors as in ``pred_instances``, masks (n, H, W) bool."""
        instances = InstanceData(
            **{
                name:
                torch.as_tensor(values) if isinstance(values, np.ndarray)
                and values.dtype != object else values
                for name, values in self.columns.items()
            })
        if 'masks' in self.columns:
            instances.masks = torch.from_numpy(self._masks(range(len(self))))
        return instances

    def plot(self,
             image: Optional[np.ndarray] = None,
             blur: Optional[str] = None,
             trails: Optional[Sequence[np.ndarray]] = None) -> np.ndarray:
        """Draw the persons.

        Args:
            image: (H, W, 3) BGR to draw on; the image itself by default.
            blur: ``face`` or ``person``, see :meth:`blurred`.
            trails: The way (t, 2) that each person came, from :class:`Trails`.

        Returns: (H', W', 3) BGR.
        """
        image = self.blurred(blur) if image is None else image
        instances = self.to_instances()
        if trails is not None:
            instances.trails = list(trails)
        self._visualizer.dataset_meta = self._meta
        self._visualizer.add_datasample(
            self.name,
            image[..., ::-1],
            DetDataSample(pred_instances=instances),
            draw_gt=False,
            pred_score_thr=-1)
        return np.ascontiguousarray(self._visualizer.get_image()[..., ::-1])

    def blurred(self, what: Optional[str]) -> np.ndarray:
        """The image, BGR, with every ``'face'`` or ``'person'`` unreadable.

        Raises: InputError: If there is nothing to tell where faces are.
        """
        return self.image if what is None else blur_persons(
            self.image, list(self), what)

    def _masks(self, indices: Iterator[int]) -> np.ndarray:
        """(n, H, W) bool."""
        height, width = self.image.shape[:2]
        masks = [mask_utils.decode(self.columns['masks'][i]) for i in indices]
        return np.array(masks, bool).reshape(-1, height, width)


def _column(name: str, values: Any) -> Any:
    """A field of ``pred_instances`` as an array, or masks as codes."""
    if name == 'masks':
        return encode_masks(values)
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return values


def _plain(value: Any) -> Any:
    """For JSON."""
    if isinstance(value, dict):  # a mask
        counts = value['counts']
        return dict(
            size=list(value['size']),
            counts=counts.decode() if isinstance(counts, bytes) else counts)
    if isinstance(value, (str, int, type(None))):
        return value
    digits = 2 if np.ndim(value) == 1 and len(value) == 4 else 4
    return np.round(np.asarray(value, float), digits).tolist() \
        if np.asarray(value).dtype.kind == 'f' else np.asarray(value).tolist()
