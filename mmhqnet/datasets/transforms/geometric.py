"""Flip, resize and crop that take keypoints, areas and attributes along.

Keypoints with visibility 0 have the coordinates (0, 0) and keep them.
"""
from typing import Optional, Tuple

import numpy as np
from mmdet.datasets.transforms import RandomCrop, RandomFlip, Resize

from mmhqnet.registry import TRANSFORMS

# Everything an image knows per person beyond mmdet's own fields.
PERSON_FIELDS = ('gt_mask_valid', 'gt_keypoints', 'gt_keypoints_visible',
                 'gt_areas', 'gt_genders', 'gt_ages', 'gt_extra_fields')


@TRANSFORMS.register_module()
class HumanRandomFlip(RandomFlip):
    """mmdet's ``RandomFlip`` for persons (spec 6.4).

    A mirrored left hand is a right hand: keypoints change places as
    ``results['flip_indices']`` says. Takes the arguments of mmdet's class.

    Modified keys: those of mmdet's class, ``gt_keypoints`` and
    ``gt_keypoints_visible``.
    """

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        if results.get('gt_keypoints') is None:
            return
        height, width = results['img'].shape[:2]
        direction = results['flip_direction']
        keypoints, visible = (results['gt_keypoints'],
                              results['gt_keypoints_visible'])
        if direction in ('horizontal', 'diagonal'):
            keypoints[..., 0] = width - keypoints[..., 0]
        if direction in ('vertical', 'diagonal'):
            keypoints[..., 1] = height - keypoints[..., 1]
        # A diagonal flip turns the image by 180 degrees: left stays left.
        if direction != 'diagonal':
            keypoints = keypoints[:, results['flip_indices']]
            visible = visible[:, results['flip_indices']]
        keypoints = keypoints.clip(0, (width, height))
        keypoints[visible == 0] = 0
        results['gt_keypoints'] = keypoints.astype(np.float32)
        results['gt_keypoints_visible'] = visible


@TRANSFORMS.register_module()
class HumanResize(Resize):
    """mmdet's ``Resize`` for persons (spec 6.4).

    Takes the arguments of mmdet's class. Also serves as ``resize_type`` of
    ``RandomChoiceResize`` and ``RandomResize``.

    Modified keys: those of mmdet's class, ``gt_keypoints`` and ``gt_areas``.
    """

    def transform(self, results: dict) -> dict:
        """Resize image, boxes, masks, keypoints and areas.

        Args:
            results (dict): Result dict from the loading pipeline.

        Returns:
            dict: The resized sample.
        """
        results = super().transform(results)
        # mmcv scales and clips keypoints, mmdet's child does not call it.
        self._resize_keypoints(results)
        if results.get('gt_areas') is not None:
            results['gt_areas'] *= np.prod(
                results['scale_factor'], dtype=np.float32)
        return results


@TRANSFORMS.register_module()
class HumanRandomCrop(RandomCrop):
    """mmdet's ``RandomCrop`` for persons (spec 6.4).

    A person's area shrinks as its box does and is at least 1. Keypoints that
    fall outside become unlabelled; persons that lose all of them stay. Boxes
    are not computed again from masks unless ``recompute_bbox`` is set. Takes
    the arguments of mmdet's class.

    Modified keys: those of mmdet's class and ``gt_mask_valid``,
    ``gt_keypoints``, ``gt_keypoints_visible``, ``gt_areas``, ``gt_genders``,
    ``gt_ages``, ``gt_extra_fields``.
    """

    def _crop_data(self, results: dict, crop_size: Tuple[int, int],
                   allow_negative_crop: bool) -> Optional[dict]:
        if results.get('gt_bboxes') is None:
            return super()._crop_data(results, crop_size, allow_negative_crop)
        box_areas = results['gt_bboxes'].areas.numpy()
        earlier_matrix = results.pop('homography_matrix', None)
        instance_ids = results.get('gt_instances_ids')
        # The parent keeps these ids for the persons it keeps, and writes the
        # shift of this crop alone into the matrix.
        results['gt_instances_ids'] = np.arange(len(box_areas))
        results = super()._crop_data(results, crop_size, allow_negative_crop)
        if results is None:
            return None

        kept = results.pop('gt_instances_ids')
        if instance_ids is not None:
            results['gt_instances_ids'] = instance_ids[kept]
        shift = results['homography_matrix'][:2, 2]
        if earlier_matrix is not None:
            results['homography_matrix'] = (
                results['homography_matrix'] @ earlier_matrix)

        for field in PERSON_FIELDS:
            if results.get(field) is not None:
                results[field] = results[field][kept]
        if results.get('gt_areas') is not None:
            shrink = results['gt_bboxes'].areas.numpy() / np.maximum(
                box_areas[kept],
                np.finfo(np.float32).tiny)
            results['gt_areas'] = np.maximum(results['gt_areas'] * shrink, 1)
        if results.get('gt_keypoints') is not None:
            self._crop_keypoints(results, shift)
        return results

    @staticmethod
    def _crop_keypoints(results: dict, shift: np.ndarray) -> None:
        height, width = results['img_shape']
        keypoints = results['gt_keypoints'] + shift
        visible = results['gt_keypoints_visible']
        outside = ((keypoints < 0) | (keypoints > (width, height))).any(-1)
        gone = outside | (visible == 0)
        keypoints[gone] = 0
        visible[gone] = 0
        results['gt_keypoints'] = keypoints
