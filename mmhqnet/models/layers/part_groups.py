"""Which keypoints make up which part of a body (QueryPose, sec. 3.2)."""
from typing import Optional, Sequence, Tuple

from mmhqnet.errors import InputError

PartGroups = Tuple[Tuple[int, ...], ...]

# Face, shoulders, left elbow and wrist, right, hips, left knee and ankle,
# right. CrowdPose has head and neck instead of the face.
COCO_PARTS = ((0, 1, 2, 3, 4), (5, 6), (7, 9), (8, 10), (11, 12), (13, 15),
              (14, 16))
CROWDPOSE_PARTS = ((12, 13), (0, 1), (2, 4), (3, 5), (6, 7), (8, 10), (9, 11))
DEFAULT_PARTS = {17: COCO_PARTS, 14: CROWDPOSE_PARTS}


def resolve_part_groups(part_groups: Optional[Sequence[Sequence[int]]],
                        num_keypoints: int) -> PartGroups:
    """Keypoints of each part: a config's, or COCO's (17) or CrowdPose's (14).

    Raises:
        InputError: If a keypoint is in no part or in several, or a part is
            empty, or there is no default.
    """
    if part_groups is None:
        if num_keypoints not in DEFAULT_PARTS:
            raise InputError(
                f'part_groups: no default for {num_keypoints} keypoints; list '
                'the keypoints of each part')
        return DEFAULT_PARTS[num_keypoints]
    listed = sorted(keypoint for part in part_groups for keypoint in part)
    if listed != list(range(num_keypoints)) or not all(map(len, part_groups)):
        raise InputError(
            f'part_groups: each of the keypoints 0 to {num_keypoints - 1} '
            f'must be in exactly one part, and no part empty; got '
            f'{[list(part) for part in part_groups]}')
    return tuple(map(tuple, part_groups))
