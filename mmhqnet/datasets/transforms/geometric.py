"""mmdet's transforms for persons: each takes its arguments.

Keypoints with visibility 0 have the coordinates (0, 0) and keep them.
Augmentation of the paper: flip, resize, crop.
"""
from mmdet.datasets.transforms import (Expand, FilterAnnotations,
                                       MinIoURandomCrop, RandomAffine,
                                       RandomCrop, RandomFlip, RandomShift,
                                       Resize)
from mmdet.structures.bbox import HorizontalBoxes

from mmhqnet.registry import TRANSFORMS

from .persons import PersonTransform


@TRANSFORMS.register_module()
class HumanFilterAnnotations(PersonTransform, FilterAnnotations):
    """Drops persons whose box or mask is too small."""


@TRANSFORMS.register_module()
class HumanRandomFlip(PersonTransform, RandomFlip):
    """A mirrored left hand is a right hand: keypoints change places, but
    for a diagonal flip, which turns the image by 180 degrees."""


@TRANSFORMS.register_module()
class HumanResize(PersonTransform, Resize):
    """Also the ``resize_type`` of RandomChoiceResize and RandomResize."""


@TRANSFORMS.register_module()
class HumanExpand(PersonTransform, Expand):
    """Puts the image on a larger canvas."""


@TRANSFORMS.register_module()
class HumanRandomShift(PersonTransform, RandomShift):
    """Shifts the image; masks too, which mmdet leaves where they were."""
    cuts = True

    def move(self, results, matrix, old_areas) -> None:
        super().move(results, matrix, old_areas)
        if results.get('gt_masks') is not None:
            for direction, offset in (('horizontal', matrix[0, 2]),
                                      ('vertical', matrix[1, 2])):
                results['gt_masks'] = results['gt_masks'].translate(
                    results['img'].shape[:2],
                    int(offset),
                    direction,
                    border_value=0)


@TRANSFORMS.register_module()
class HumanRandomAffine(PersonTransform, RandomAffine):
    """Rotates, scales, shears, shifts; as in mmdet, not with masks."""
    cuts = True


@TRANSFORMS.register_module()
class HumanMinIoURandomCrop(PersonTransform, MinIoURandomCrop):
    """Cuts out a part that persons overlap enough."""
    cuts = True


@TRANSFORMS.register_module()
class HumanRandomCrop(PersonTransform, RandomCrop):
    """A person's area shrinks as its box does and is at least 1.

    Persons that lose all keypoints stay. With ``recompute_bbox`` the box of
    a person becomes that of its mask, if it has one that is not cut away.
    """
    cuts = True

    def __init__(self, *args, recompute_bbox: bool = False, **kwargs) -> None:
        # NOTE mmdet would give persons without a mask the box 0, 0, 0, 0.
        super().__init__(*args, recompute_bbox=False, **kwargs)
        self.boxes_of_masks = recompute_bbox

    def move(self, results, matrix, old_areas) -> None:
        super().move(results, matrix, old_areas)
        masks = results.get('gt_masks')
        if self.boxes_of_masks and masks is not None:
            boxes = results['gt_bboxes'].tensor
            of_masks = masks.get_bboxes(HorizontalBoxes).tensor
            drawn = masks.areas > 0
            boxes[drawn] = of_masks[drawn].to(boxes)
