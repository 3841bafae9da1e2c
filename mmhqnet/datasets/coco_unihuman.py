from typing import List, Optional, Sequence

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO

from mmhqnet.errors import InputError
from mmhqnet.registry import DATASETS
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

from .annotations.rules import (EXTRA_FIELDS, UNLABELLED, find_problems,
                                is_flagged_valid, is_labelled,
                                read_annotation_file)
from .transforms import LoadHumanImage

# Ages are classes 0..84; the format allows 85 (spec 10.8).
MAX_AGE_CLASS = 84


@DATASETS.register_module()
class CocoUniHumanDataset(CocoDataset):
    """Persons with box, mask, keypoints, gender and age in COCO's format.

    Reads COCO-UniHuman v1 and v2 and every file in COCO's person keypoint
    format; what a person lacks counts as not labelled. Annotations that are
    not valid (spec 6.1: flags in ``valid``) count as not labelled too, and
    persons without a valid box are left out. Crowds carry ``ignore_flag=1``.

    Each entry of ``data_info['instances']`` holds, beside mmdet's ``bbox``
    (xyxy), ``bbox_label``, ``ignore_flag`` and, if there is one, ``mask``:

    - ``keypoints`` (np.ndarray): (K, 3) float32, x, y in pixels, visibility
      as in COCO (0 not labelled, 1 occluded, 2 visible); zeros if not
      labelled.
    - ``area`` (float): COCO's area, square pixels.
    - ``gender`` (int): 0 male, 1 female, -1 unknown.
    - ``age`` (int): 0..84 years, -1 unknown.
    - ``extra_fields`` (dict): Those fields that were asked for and that the
      person has, exactly as in the file; only if ``extra_fields`` is given.

    ``data_info`` itself holds ``num_keypoints`` and ``flip_indices`` for the
    transforms.

    Args:
        keypoint_metainfo (str): Which keypoints the file has: the name of one
            of mmpose's data sets or of a file, see
            :func:`load_keypoint_metainfo`. Defaults to ``'coco'``.
        extra_fields (Sequence[str]): Further labels to keep, any of
            ``valid``, ``face_box``, ``face_kpts``, ``lefthand_box``,
            ``lefthand_kpts``, ``righthand_box``, ``righthand_kpts``,
            ``foot_kpts``, ``smpl``, ``dense_pose``, ``bbox_ignore``. Defaults
            to none.
        metainfo (dict, optional): Overrides entries of the metainfo, such as
            the names of the categories to read: ``classes``.
        pipeline (Sequence[dict | Callable]): Transforms. Images are read by
            ``LoadHumanImage`` where it says ``LoadImageFromFile``, so that a
            damaged photo is named while tools of mmdet that look for that
            step still find it.
        **kwargs: Arguments of mmdet's ``CocoDataset``.

    Raises:
        InputError: While reading, if the annotation file is missing or
            malformed; the message names file, annotation id and field.
    """

    METAINFO = dict(classes=('person', ), palette=[(220, 20, 60)])

    def __init__(self,
                 *args,
                 keypoint_metainfo: str = 'coco',
                 extra_fields: Sequence[str] = (),
                 metainfo: Optional[dict] = None,
                 pipeline: Sequence = (),
                 **kwargs) -> None:
        for field in extra_fields:
            if field not in EXTRA_FIELDS:
                raise InputError(f"extra_fields: unknown field '{field}'; "
                                 f'use any of: {", ".join(EXTRA_FIELDS)}')
        self.extra_fields = tuple(extra_fields)
        metainfo = {
            **load_keypoint_metainfo(keypoint_metainfo),
            **(metainfo or {})
        }
        super().__init__(
            *args,
            metainfo=metainfo,
            pipeline=[self._with_image_check(step) for step in pipeline],
            **kwargs)

    @staticmethod
    def _with_image_check(step):
        if isinstance(step, dict) and step['type'] in ('LoadImageFromFile',
                                                       LoadImageFromFile):
            return {**step, 'type': LoadHumanImage}
        return step

    def COCOAPI(self, local_path: str) -> COCO:
        """Index the annotation file after looking through it once.

        mmdet calls this attribute to read the file.

        Args:
            local_path (str): The annotation file.

        Returns:
            COCO: The index.

        Raises:
            InputError: At the first problem in the file.
        """
        content = read_annotation_file(local_path, self.ann_file)
        problems = find_problems(content, self._metainfo['num_keypoints'],
                                 self.extra_fields, self._metainfo['classes'])
        problem = next(problems, None)
        if problem is not None:
            raise InputError(
                f'{self.ann_file}: {problem}; correct the file '
                '(tools/dataset_converters/check_annotations.py lists every '
                'problem)')
        coco = COCO()
        coco.dataset = content
        coco.createIndex()
        coco.img_ann_map, coco.cat_img_map = coco.imgToAnns, coco.catToImgs
        return coco

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Add the persons' labels to what mmdet parses.

        Args:
            raw_data_info (dict): ``raw_img_info`` and ``raw_ann_info``, the
                image's and its annotations' entries in the file.

        Returns:
            dict: The image's ``data_info``.
        """
        image = raw_data_info['raw_img_info']

        def parse(annotations: List[dict]) -> dict:
            return super(CocoUniHumanDataset, self).parse_data_info(
                dict(raw_img_info=image, raw_ann_info=annotations))

        data_info = parse([])
        for annotation in raw_data_info['raw_ann_info']:
            if (annotation['category_id'] not in self.cat2label
                    or not is_flagged_valid(annotation, 'bboxes')):
                continue
            # One at a time: mmdet leaves out some annotations, and the rest
            # must keep their labels.
            for instance in parse([annotation])['instances']:
                instance.update(self._person_labels(annotation))
                if not is_labelled(annotation, 'segmentation', 'segmentation'):
                    instance.pop('mask', None)
                data_info['instances'].append(instance)
        return data_info

    def _person_labels(self, annotation: dict) -> dict:
        keypoints = np.zeros((self._metainfo['num_keypoints'], 3), np.float32)
        if is_labelled(annotation, 'keypoints', 'keypoints_2d'):
            keypoints[:] = np.reshape(annotation['keypoints'], (-1, 3))
            keypoints[keypoints[:, 2] <= 0] = 0

        def attribute(name: str) -> int:
            value = annotation.get(name)
            if value in UNLABELLED or not is_flagged_valid(annotation, name):
                return -1
            return int(round(value))

        labels = dict(
            keypoints=keypoints,
            area=float(annotation['area']),
            gender=attribute('gender'),
            age=min(attribute('age'), MAX_AGE_CLASS))
        if self.extra_fields:
            labels['extra_fields'] = {
                field: annotation[field]
                for field in self.extra_fields
                if is_labelled(annotation, field, EXTRA_FIELDS[field].flag)
            }
        return labels

    def filter_data(self) -> List[dict]:
        """Leave out images as ``filter_cfg`` says, in training only.

        Returns:
            list[dict]: The ``data_info`` of the remaining images.

        Raises:
            InputError: If none remains.
        """
        data_list = super().filter_data()
        if not data_list:
            raise InputError(
                f'{self.ann_file}: none of its {len(self.data_list)} images '
                'can be used; check filter_cfg')
        return data_list

    def get_data_info(self, idx: int) -> dict:
        """Labels of an image, with what the transforms need to know.

        Args:
            idx (int): Index of the image.

        Returns:
            dict: The image's ``data_info``.
        """
        data_info = super().get_data_info(idx)
        for key in ('num_keypoints', 'flip_indices'):
            data_info[key] = self._metainfo[key]
        return data_info
