"""COCO person annotations, checked once, for every evaluator."""
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np

from mmhqnet.datasets.annotations.rules import (Problem, image_problems,
                                                person_problems,
                                                reference_problems,
                                                structure_problems)
from mmhqnet.errors import InputError
from mmhqnet.files import read_json
from mmhqnet.structures.label_rules import is_flagged_valid, is_number, shown
from mmhqnet.structures.person_fields import FIELDS, STANDARD, PersonField

from .attributes import Persons
from .tasks import check_names, metrics_of


class GroundTruth:
    """The persons of a COCO-style annotation file, checked.

    The annotations are normalised copies: the caller's stay as they are, ids
    are 1, 2, 3, ... (pycocotools takes id 0 for "not matched"), ``area`` falls
    back to the area of the box and ``iscrowd`` to 0. Labels that ``valid``
    calls invalid count as missing, and persons whose box is invalid are left
    out.

    Args:
        dataset: COCO dataset with ``images``, ``annotations`` and
            ``categories``.
        classes: Names of the categories to evaluate.
        source: What to call the data in error messages.
        metrics: Rows of the table whose labels are needed.
        fields: The table of person fields.

    Raises:
        InputError: Naming file, annotation id and field of what is malformed.
    """

    def __init__(self,
                 dataset: dict,
                 classes: Sequence[str] = ('person', ),
                 source: str = 'ground truth',
                 metrics: Sequence[str] = STANDARD,
                 fields: Mapping[str, PersonField] = FIELDS) -> None:
        self.source, self.fields = source, fields
        self.metrics = check_names(metrics, metrics_of(fields), 'metric')
        self._refuse(structure_problems(dataset, classes))
        self.images: Dict = {}
        sides = ('height', 'width') if 'mask' in self.metrics else ()
        for image in dataset['images']:
            self._refuse(image_problems(image, self.images, sides))
        by_name = {c['name']: c for c in dataset['categories']}
        self.categories = [by_name[name] for name in classes]
        self.cat_ids = [category['id'] for category in self.categories]
        names = {c['id']: c['name'] for c in dataset['categories']}
        self.annotations: List[dict] = []
        for annotation in dataset['annotations']:
            self._add(annotation, names)

    def _refuse(self, problems: Iterator[Problem]) -> None:
        for problem in problems:
            raise InputError(f'{self.source}: {problem}')

    @classmethod
    def from_file(cls, path: str, **kwargs) -> 'GroundTruth':
        """Read and check an annotation file; ``kwargs`` as for the class."""
        return cls(read_json(path), source=str(path), **kwargs)

    @classmethod
    def from_samples(cls,
                     records: Sequence[dict],
                     classes: Sequence[str],
                     fields: Mapping[str, PersonField] = FIELDS,
                     **kwargs) -> 'GroundTruth':
        """Collect the persons that the data set put into the samples.

        Args:
            records: Per image ``img_id``, ``ori_shape`` and ``instances`` as
                :class:`CocoUniHumanDataset` makes them.
            classes: Names of the labels.
            fields, **kwargs: As for the class.

        Raises: InputError: The samples carry no instances.
        """
        images, annotations = [], []
        for record in records:
            if record['instances'] is None:
                raise InputError('UniHumanMetric: without ann_file the '
                                 "samples must carry 'instances'; set "
                                 'ann_file, or add it to the meta_keys that '
                                 'are packed')
            height, width = map(int, record['ori_shape'][:2])
            images.append(
                dict(id=record['img_id'], height=height, width=width))
            for instance in record['instances']:
                annotations.append(
                    dict(
                        _coco_annotation(instance, fields),
                        id=len(annotations) + 1,
                        image_id=record['img_id']))
        categories = [
            dict(id=label, name=name) for label, name in enumerate(classes)
        ]
        dataset = dict(
            images=images, annotations=annotations, categories=categories)
        return cls(
            dataset, classes, source='instances', fields=fields, **kwargs)

    def check_prediction(self,
                         image_id,
                         mask_size: Optional[Sequence[int]] = None) -> None:
        """Check that predictions can be those of an image.

        Args:
            mask_size: Height and width of a predicted mask. One of another
                size than the image would match nothing, without a word.

        Raises: InputError: There is no such image, or it has another size.
        """
        if image_id not in self.images:
            raise InputError(
                f'{self.source}: there are predictions for image '
                f'{image_id!r}, which it does not have; does the annotation '
                'file belong to these predictions?')
        image = self.images[image_id]
        if mask_size is not None and list(mask_size) != [
                image['height'], image['width']
        ]:
            raise InputError(
                f'{self.source}: image {image_id!r} has height and width '
                f'{[image["height"], image["width"]]}, but a predicted mask '
                f'has {list(mask_size)}; masks must be in pixels of the '
                'original image')

    def _add(self, annotation: dict, names: Dict) -> None:
        """Add an annotation if it has a class to evaluate and a box."""
        if not isinstance(annotation, dict):
            raise InputError(f"{self.source}: 'annotations' must be a list of "
                             f'dicts, found {shown(annotation)}')
        self._refuse(reference_problems(annotation, self.images, names))
        if annotation['category_id'] not in self.cat_ids:
            return
        needed = {
            name: self.fields[name]
            for name in ('box', 'area', *self.metrics)
        }
        self._refuse(
            person_problems(
                annotation,
                self.images[annotation['image_id']],
                needed,
                strict=True,
                needed=('box', )))
        if not is_flagged_valid(annotation, 'bboxes'):
            return
        box = list(map(float, annotation['bbox']))
        area = annotation.get('area')
        person = dict(
            id=len(self.annotations) + 1,
            image_id=annotation['image_id'],
            category_id=annotation['category_id'],
            bbox=box,
            area=box[2] * box[3] if area is None else float(area),
            iscrowd=int(annotation.get('iscrowd') or 0))
        for name in self.metrics:
            if name != 'box':
                field = self.fields[name]
                person[field.key] = field.judge(annotation)
        self.annotations.append(person)

    def coco_annotations(self, metric: str) -> List[dict]:
        """Fresh COCO annotations of one task, which an evaluator may change.

        A person whose mask or box of the task is not labelled becomes a crowd
        in the place of its own box: neither a miss nor a false positive.
        Crowds stay crowds. Without keypoints COCO ignores a person anyway.
        """
        field = self.fields[metric]
        keys = ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd')
        anns = []
        for person in self.annotations:
            ann = {key: person[key] for key in keys}
            label = person[field.key]
            x, y, w, h = person['bbox']
            if field.kind == 'points':
                ann['keypoints'] = label
                ann['num_keypoints'] = sum(v > 0 for v in label[2::3])
            elif field.kind == 'mask':
                corners = [[x, y, x + w, y, x + w, y + h, x, y + h]]
                ann['segmentation'] = corners if label is None else label
                ann['iscrowd'] |= label is None
            elif field.kind == 'box':
                if label is None:
                    ann['iscrowd'] = 1
                elif not ann['iscrowd']:
                    ann['bbox'] = list(map(float, label))
                    ann['area'] = ann['bbox'][2] * ann['bbox'][3]
            anns.append(ann)
        return anns

    def persons(self, attribute: str) -> Persons:
        """All persons in columns; NaN where the attribute is not labelled."""
        anns, key = self.annotations, self.fields[attribute].key
        return Persons(
            image_ids=np.array([ann['image_id'] for ann in anns]),
            bboxes=np.array([ann['bbox'] for ann in anns],
                            float).reshape(-1, 4),
            attribute=np.array([ann[key] for ann in anns], float),
            areas=np.array([ann['area'] for ann in anns], float),
            crowd=np.array([ann['iscrowd'] for ann in anns], bool))

    def crowding(self) -> Dict[int, float]:
        """``crowdIndex`` (0..1) by image id, if the file is CrowdPose's.

        Raises: InputError: It is not a number.
        """
        crowding = {
            image_id: image['crowdIndex']
            for image_id, image in self.images.items() if 'crowdIndex' in image
        }
        for image_id, value in crowding.items():
            if not is_number(value):
                self._refuse(
                    iter([
                        Problem('image', image_id, 'crowdIndex',
                                'must be a number', shown(value))
                    ]))
        return crowding


def _coco_annotation(instance: dict, fields: Mapping[str,
                                                     PersonField]) -> dict:
    """An annotation again, of what the data set made of one."""
    x1, y1, x2, y2 = instance['bbox']
    annotation = dict(
        bbox=[x1, y1, x2 - x1, y2 - y1],
        category_id=instance['bbox_label'],
        iscrowd=instance.get('ignore_flag', 0),
        segmentation=instance.get('mask'))
    for field in fields.values():
        if not field.is_mmdets and instance.get(field.key) is not None:
            annotation[field.key] = field.unread(instance[field.key])
    return annotation
