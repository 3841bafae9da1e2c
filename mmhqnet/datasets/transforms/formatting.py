import numpy as np
from mmdet.datasets.transforms import PackDetInputs

from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures.person_fields import fields_in

from .persons import check_together


@TRANSFORMS.register_module()
class PackHumanInputs(PackDetInputs):
    """mmdet's ``PackDetInputs`` for persons.

    ``data_samples.gt_instances`` of n persons has, beside ``labels``, the
    columns of the table of person fields that were loaded: ``bboxes``,
    ``masks``, ``mask_valid`` (n,) bool, ``keypoints`` (n, K, 2),
    ``keypoints_visible`` (n, K), ``areas`` (n,), ``genders`` and ``ages``
    (n,) int64, ``face_boxes`` (n, 4), ``face_valid`` (n,) bool, those of
    added rows, and ``extra_fields``, a list of n dicts.
    ``ignored_instances`` holds the same for crowds.

    Raises: InputError: Fields do not belong to the same persons.
    """

    def transform(self, results: dict) -> dict:
        """Pack image and labels."""
        check_together(results, f'before {type(self).__name__}')
        self.mapping_table = {
            **PackDetInputs.mapping_table,
            **{
                f'gt_{column}': column
                for field in fields_in(results).values()
                for column in field.gt_columns
            }
        }
        packed = super().transform(results)
        if 'gt_extra_fields' in results:
            # Dicts have no tensor form.
            sample = packed['data_samples']
            ignored = np.asarray(results['gt_ignore_flags'], bool)
            extra_fields = results['gt_extra_fields']
            sample.gt_instances.extra_fields = list(extra_fields[~ignored])
            sample.ignored_instances.extra_fields = list(extra_fields[ignored])
        return packed
