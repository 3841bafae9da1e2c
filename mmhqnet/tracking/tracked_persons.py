"""Joining what mmdet's trackers return with what the detector found."""
import torch
from mmengine.structures import InstanceData


def tracked_persons(persons: InstanceData,
                    tracks: InstanceData) -> InstanceData:
    """Give tracks the masks, poses and attributes of their persons.

    mmdet's trackers return boxes, scores and identities only, in an order of
    their own; the boxes are those of the detector, to the last bit.

    Args:
        persons: Detections with all their fields, n of them.
        tracks: ``bboxes`` (m, 4) and ``instances_id`` (m, ), m <= n.

    Returns: The m persons with ``instances_id``.
    """
    same = (tracks.bboxes[:, None] == persons.bboxes).all(-1)  # (m, n)
    found, index = same.max(1) if same.numel() else (same.new_zeros(
        len(same)), torch.zeros(len(same), dtype=torch.long))
    joined = persons[index[found]]
    joined.instances_id = tracks.instances_id[found]
    return joined
