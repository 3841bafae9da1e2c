"""The same drawn people as another data set labels them.

Its body has CrowdPose's 14 keypoints, its persons a garment instead of gender
and age: what a model of Toy UniHuman can be carried over to.
"""
from typing import List

from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

from .scene import KEYPOINT_NAMES

GARMENTS = ('shirt', 'dress', 'romper')
KEPT = ('image_id', 'category_id', 'iscrowd', 'bbox', 'area', 'segmentation',
        'id')


def relabel(content: dict) -> dict:
    """Annotations of Toy UniHuman with the other labels, as a new file."""
    metainfo = load_keypoint_metainfo('crowdpose')
    names = metainfo['keypoint_names']
    annotations = []
    for person in content['annotations']:
        keypoints = crowdpose_keypoints(person['keypoints'], names)
        annotations.append(
            dict({key: person[key]
                  for key in KEPT},
                 keypoints=keypoints,
                 num_keypoints=sum(flag > 0 for flag in keypoints[2::3]),
                 garment=person['clothes'].split()[-1]))
    category = dict(
        content['categories'][0],
        keypoints=names,
        skeleton=[[a + 1, b + 1] for a, b in metainfo['skeleton_links']])
    return dict(content, annotations=annotations, categories=[category])


def crowdpose_keypoints(keypoints: List[float],
                        names: List[str]) -> List[float]:
    """From COCO's 17 triples x, y, visibility to those of ``names``.

    The neck is halfway between the shoulders. The top of the head is beyond
    the eyes, by half of their distance from the neck.
    """
    triples = [keypoints[i:i + 3] for i in range(0, len(keypoints), 3)]
    known = dict(zip(KEYPOINT_NAMES, triples))
    known['neck'] = _between(known['left_shoulder'], known['right_shoulder'])
    eyes = _between(known['left_eye'], known['right_eye'])
    known['top_head'] = _beyond(known['neck'], eyes)
    return [value for name in names for value in known[name]]


def _between(a: List[float], b: List[float]) -> List[float]:
    if not a[2] or not b[2]:
        return [0, 0, 0]
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, min(a[2], b[2])]


def _beyond(a: List[float], b: List[float]) -> List[float]:
    """A point on the line from a through b, half as far again."""
    if not a[2] or not b[2]:
        return [0, 0, 0]
    return [1.5 * b[0] - 0.5 * a[0], 1.5 * b[1] - 0.5 * a[1], min(a[2], b[2])]
