import numpy as np
from mmdet.datasets.transforms import PackDetInputs

from mmhqnet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackHumanInputs(PackDetInputs):
    """mmdet's ``PackDetInputs`` for persons.

    ``data_samples.gt_instances`` of n persons has, beside ``bboxes``,
    ``labels`` and ``masks``: ``mask_valid`` (n,) bool; ``keypoints``
    (n, K, 2) and ``keypoints_visible`` (n, K) float32; ``areas`` (n,)
    float32; ``genders`` and ``ages`` (n,) int64; ``extra_fields``, a list of
    n dicts, if they were loaded. ``ignored_instances`` holds the same for
    crowds. Takes the arguments of mmdet's class.
    """
    mapping_table = {
        **PackDetInputs.mapping_table,
        'gt_mask_valid': 'mask_valid',
        'gt_keypoints': 'keypoints',
        'gt_keypoints_visible': 'keypoints_visible',
        'gt_areas': 'areas',
        'gt_genders': 'genders',
        'gt_ages': 'ages',
    }

    def transform(self, results: dict) -> dict:
        """Pack image and labels.

        Args:
            results (dict): Result dict from the data pipeline.

        Returns:
            dict: ``inputs`` (3, H, W) and ``data_samples``
            (DetDataSample).
        """
        packed = super().transform(results)
        if 'gt_extra_fields' in results:
            # Dicts have no tensor form.
            sample = packed['data_samples']
            ignored = np.asarray(results['gt_ignore_flags'], bool)
            extra_fields = results['gt_extra_fields']
            sample.gt_instances.extra_fields = list(extra_fields[~ignored])
            sample.ignored_instances.extra_fields = list(extra_fields[ignored])
        return packed
