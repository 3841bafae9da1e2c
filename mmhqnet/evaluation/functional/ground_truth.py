"""COCO person annotations, checked once, for every evaluator."""
from typing import Dict, List, Optional, Sequence

import numpy as np

from mmhqnet.datasets.annotations.rules import is_flagged_valid
from mmhqnet.errors import InputError

from .annotation_checks import (Entry, check_area, check_attribute, check_box,
                                check_crowd, check_flag, check_image_id,
                                check_keypoints, check_segmentation,
                                field_error, is_number, read_json)
from .attributes import Persons
from .tasks import TASKS


class GroundTruth:
    """The persons of a COCO-style annotation file, checked.

    The annotations are normalised copies: the caller's stay as they are, ids
    are 1, 2, 3, ... (pycocotools takes id 0 for "not matched"), ``area`` falls
    back to the area of the box and ``iscrowd`` to 0. Labels that ``valid``
    calls invalid count as missing, and persons whose box is invalid are left
    out.

    Args:
        dataset (dict): COCO dataset with ``images``, ``annotations`` and
            ``categories``.
        classes (Sequence[str]): Names of the categories to evaluate.
        source (str): What to call the data in error messages.
        metrics (Sequence[str]): Tasks whose labels are needed. Defaults to
            all.
        num_keypoints (int): Keypoints of a person. Defaults to 17.

    Raises:
        InputError: Naming file, annotation id and field of what is malformed.
    """

    def __init__(self,
                 dataset: dict,
                 classes: Sequence[str] = ('person', ),
                 source: str = 'ground truth',
                 metrics: Sequence[str] = tuple(TASKS),
                 num_keypoints: int = 17) -> None:
        self.source = source
        for key in ('images', 'annotations', 'categories'):
            if not isinstance(dataset, dict) or not isinstance(
                    dataset.get(key), list) or not all(
                        isinstance(entry, dict) for entry in dataset[key]):
                raise InputError(f"{source}: the list '{key}' is missing or "
                                 'malformed; is this a COCO annotation file?')
        self.images = self._index_images(dataset['images'], 'mask' in metrics)
        self.categories = self._select_categories(dataset['categories'],
                                                  classes)
        self.cat_ids = [category['id'] for category in self.categories]
        self.annotations: List[dict] = []
        known_ids = [category.get('id') for category in dataset['categories']]
        for ann in dataset['annotations']:
            if self._counts(ann, known_ids):
                ann = self._normalise(ann, metrics, num_keypoints)
                ann['id'] = len(self.annotations) + 1
                self.annotations.append(ann)

    @classmethod
    def from_file(cls, path: str, **kwargs) -> 'GroundTruth':
        """Read and check an annotation file.

        Args:
            path (str): COCO-style JSON file.
            **kwargs: As for the class.

        Returns:
            GroundTruth: The checked annotations.

        Raises:
            InputError: The file is missing, not JSON, or malformed.
        """
        return cls(read_json(path), source=str(path), **kwargs)

    @classmethod
    def from_samples(cls, records: Sequence[dict], classes: Sequence[str],
                     **kwargs) -> 'GroundTruth':
        """Collect the persons that the data set put into the samples.

        Args:
            records (Sequence[dict]): Per image ``img_id``, ``ori_shape`` and
                ``instances`` as :class:`CocoUniHumanDataset` makes them.
            classes (Sequence[str]): Names of the labels.
            **kwargs: As for the class.

        Returns:
            GroundTruth: The persons.

        Raises:
            InputError: The samples carry no instances.
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
                        _coco_annotation(instance),
                        id=len(annotations) + 1,
                        image_id=record['img_id']))
        categories = [
            dict(id=label, name=name) for label, name in enumerate(classes)
        ]
        dataset = dict(
            images=images, annotations=annotations, categories=categories)
        return cls(dataset, classes, source='instances', **kwargs)

    def check_prediction(self,
                         image_id,
                         mask_size: Optional[Sequence[int]] = None) -> None:
        """Check that predictions can be those of an image.

        Args:
            image_id (int | str): The image.
            mask_size (Sequence[int], optional): Height and width of a
                predicted mask. One of another size than the image would match
                nothing, without a word.

        Raises:
            InputError: There is no such image, or it has another size.
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

    def _index_images(self, images: Sequence[dict],
                      with_size: bool) -> Dict[int, dict]:
        by_id = {}
        for image in images:
            image_id = image.get('id')
            if not isinstance(image_id, (int, str)) or image_id in by_id:
                raise InputError(f"{self.source}: image {image_id!r}: field "
                                 "'id' must be a unique number or string")
            for side in ('height', 'width') if with_size else ():
                if not (type(image.get(side)) is int and image[side] > 0):
                    raise field_error(
                        Entry(self.source, 'image', image_id), side,
                        'must be a whole number of pixels, got '
                        f'{image.get(side)!r}')
            by_id[image_id] = image
        return by_id

    def _select_categories(self, categories: Sequence[dict],
                           classes: Sequence[str]) -> List[dict]:
        by_name = {
            category['name']: category
            for category in categories
            if isinstance(category.get('name'), str) and 'id' in category
        }
        for name in classes:
            if name not in by_name:
                raise InputError(
                    f'{self.source}: there is no category {name!r}, only '
                    f'{", ".join(map(repr, by_name)) or "none"}')
        return [by_name[name] for name in classes]

    def _counts(self, ann: dict, known_ids: Sequence) -> bool:
        """Whether an annotation has a class to evaluate and a valid box."""
        entry = Entry(self.source, 'annotation', ann.get('id'))
        if ann.get('category_id') not in known_ids:
            raise field_error(
                entry, 'category_id',
                f'is the id of no category: {ann.get("category_id")!r}')
        has_box = check_flag(ann, 'bboxes', entry)
        return has_box and ann['category_id'] in self.cat_ids

    def _normalise(self, ann: dict, metrics: Sequence[str],
                   num_keypoints: int) -> dict:
        entry = Entry(self.source, 'annotation', ann.get('id'))
        image_id = check_image_id(ann, entry)
        if image_id not in self.images:
            raise field_error(entry, 'image_id',
                              f'is the id of no image: {image_id!r}')
        person = dict(
            image_id=image_id,
            category_id=ann['category_id'],
            bbox=check_box(ann, entry),
            area=check_area(ann, entry),
            iscrowd=check_crowd(ann, entry))
        if 'mask' in metrics:
            person['segmentation'] = check_segmentation(
                ann, self.images[image_id], entry) if is_flagged_valid(
                    ann, 'segmentation') else None
        if 'pose' in metrics:
            labelled = is_flagged_valid(ann, 'keypoints_2d')
            person['keypoints'] = check_keypoints(ann if labelled else {},
                                                  num_keypoints, entry)
            person['num_keypoints'] = sum(
                visible > 0 for visible in person['keypoints'][2::3])
        for attribute in ('gender', 'age'):
            if attribute in metrics:
                person[attribute] = check_attribute(
                    ann, attribute, entry) if is_flagged_valid(
                        ann, attribute) else None
        return person

    def coco_annotations(self, iou_type: str) -> List[dict]:
        """Fresh COCO annotations with the fields of one task.

        A person without a mask becomes a crowd in the place of its box for
        mask AP: neither a miss nor a false positive.

        Args:
            iou_type (str): 'bbox', 'segm' or 'keypoints'.

        Returns:
            list[dict]: Annotations that an evaluator may change.
        """
        fields = ['id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd']
        if iou_type == 'keypoints':
            fields += ['keypoints', 'num_keypoints']
        if iou_type == 'segm':
            fields += ['segmentation']
        anns = [{
            field: ann[field]
            for field in fields
        } for ann in self.annotations]
        for ann in anns:
            if iou_type == 'segm' and ann['segmentation'] is None:
                x, y, w, h = ann['bbox']
                ann['segmentation'] = [[
                    x, y, x + w, y, x + w, y + h, x, y + h
                ]]
                ann['iscrowd'] = 1
        return anns

    def persons(self, attribute: str) -> Persons:
        """The persons in columns, for attribute AP.

        Args:
            attribute (str): 'gender' or 'age'.

        Returns:
            Persons: All persons; NaN where the attribute is not labelled.
        """
        anns = self.annotations
        return Persons(
            image_ids=np.array([ann['image_id'] for ann in anns]),
            bboxes=np.array([ann['bbox'] for ann in anns],
                            float).reshape(-1, 4),
            attribute=np.array([ann[attribute] for ann in anns], float),
            areas=np.array([ann['area'] for ann in anns], float),
            crowd=np.array([ann['iscrowd'] for ann in anns], bool))

    def crowding(self) -> Dict[int, float]:
        """How crowded each image is, if it is CrowdPose's.

        Returns:
            dict[int, float]: ``crowdIndex`` by image id, 0..1.

        Raises:
            InputError: It is not a number.
        """
        crowding = {
            image_id: image['crowdIndex']
            for image_id, image in self.images.items() if 'crowdIndex' in image
        }
        for image_id, value in crowding.items():
            if not is_number(value):
                raise field_error(
                    Entry(self.source, 'image', image_id), 'crowdIndex',
                    f'must be a number, got {value!r}')
        return crowding


def _coco_annotation(instance: dict) -> dict:
    x1, y1, x2, y2 = instance['bbox']
    annotation = dict(
        bbox=[x1, y1, x2 - x1, y2 - y1],
        category_id=instance['bbox_label'],
        iscrowd=instance.get('ignore_flag', 0),
        segmentation=instance.get('mask'))
    for field in ('area', 'gender', 'age'):
        if field in instance:
            annotation[field] = instance[field]
    if 'keypoints' in instance:
        annotation['keypoints'] = np.ravel(instance['keypoints']).tolist()
    return annotation
