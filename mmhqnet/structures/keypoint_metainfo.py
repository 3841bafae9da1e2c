"""Keypoint names, skeleton and OKS sigmas of a data set.

The data sets of our configs are described here. Those of other bodies come
from the config files of mmpose, where it is installed, or from a file in the
same format. mmpose itself is not imported: it needs what has to be compiled.
"""
import copy
import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Sequence

from mmhqnet.errors import InputError
from mmhqnet.files import read_config

# OKS sigmas as COCO and CrowdPose publish them
_COCO = {
    'nose': .026,
    'left_eye': .025,
    'right_eye': .025,
    'left_ear': .035,
    'right_ear': .035,
    'left_shoulder': .079,
    'right_shoulder': .079,
    'left_elbow': .072,
    'right_elbow': .072,
    'left_wrist': .062,
    'right_wrist': .062,
    'left_hip': .107,
    'right_hip': .107,
    'left_knee': .087,
    'right_knee': .087,
    'left_ankle': .089,
    'right_ankle': .089,
}
# no face, but the head's two ends
_CROWDPOSE = {name: sigma for name, sigma in _COCO.items() if sigma > .06}
_CROWDPOSE.update(top_head=.079, neck=.079)
_LIMBS = [('left_ankle', 'left_knee'), ('left_knee', 'left_hip'),
          ('right_ankle', 'right_knee'), ('right_knee', 'right_hip'),
          ('left_hip', 'right_hip'), ('left_shoulder', 'left_hip'),
          ('right_shoulder', 'right_hip'), ('left_shoulder', 'right_shoulder'),
          ('left_shoulder', 'left_elbow'), ('right_shoulder', 'right_elbow'),
          ('left_elbow', 'left_wrist'), ('right_elbow', 'right_wrist')]
_COCO_HEAD = [('left_eye', 'right_eye'), ('nose', 'left_eye'),
              ('nose', 'right_eye'), ('left_eye', 'left_ear'),
              ('right_eye', 'right_ear'), ('left_ear', 'left_shoulder'),
              ('right_ear', 'right_shoulder')]
_CROWDPOSE_HEAD = [('top_head', 'neck'), ('right_shoulder', 'neck'),
                   ('left_shoulder', 'neck')]

# name: sigmas of the keypoints in their order, skeleton
DESCRIBED_HERE = dict(
    coco=(_COCO, _LIMBS + _COCO_HEAD),
    ochuman=(_COCO, _LIMBS + _COCO_HEAD),
    humanart=(_COCO, _LIMBS + _COCO_HEAD),
    crowdpose=(_CROWDPOSE, _LIMBS + _CROWDPOSE_HEAD))


def _describe(sigmas: Dict[str, float], swaps: Dict[str, str],
              links: Sequence) -> dict:
    index = {name: i for i, name in enumerate(sigmas)}
    flip_indices = [index[swaps[name]] for name in index]
    return dict(
        num_keypoints=len(index),
        keypoint_names=list(index),
        flip_indices=flip_indices,
        flip_pairs=[(i, j) for i, j in enumerate(flip_indices) if i < j],
        skeleton_links=[tuple(index[name] for name in link) for link in links],
        sigmas=list(sigmas.values()))


def _other_side(name: str) -> str:
    sides = dict(left='right', right='left')
    side, _, part = name.partition('_')
    return f'{sides[side]}_{part}' if side in sides else name


def _mmpose_dataset_configs() -> List[Path]:
    """Folders with mmpose's descriptions, none without mmpose."""
    spec = find_spec('mmpose')
    return [
        Path(folder, '.mim', 'configs', '_base_', 'datasets')
        for folder in (spec.submodule_search_locations if spec else ())
    ]


def _description_file(name: str) -> Path:
    if name.endswith('.py'):
        path = Path(name)
        if not path.is_file():
            raise InputError(f'keypoint_metainfo: no such file: {name}')
        return path
    files = {
        path.stem: path
        for folder in _mmpose_dataset_configs()
        for path in folder.glob('*.py')
    }
    if name not in files:
        known = ', '.join(sorted({*DESCRIBED_HERE, *files}))
        more = '' if files else (
            '; `pip install --no-deps mmpose==1.3.2` describes more')
        raise InputError(f"keypoint_metainfo: nobody describes '{name}'; use "
                         f'the path of a .py file or one of: {known}{more}')
    return files[name]


@functools.lru_cache(maxsize=None)
def _read(path: Path) -> dict:
    """Read a description in mmpose's format."""
    config = read_config(path)
    try:
        description = config['dataset_info']
        keypoints = [
            description['keypoint_info'][i]
            for i in range(len(description['keypoint_info']))
        ]
        names = [keypoint['name'] for keypoint in keypoints]
        return _describe(
            dict(zip(names, map(float, description['sigmas']))),
            {k['name']: k.get('swap') or k['name']
             for k in keypoints},
            [link['link'] for link in description['skeleton_info'].values()])
    except KeyError as error:
        raise InputError(f'{path}: not a keypoint description in mmpose\'s '
                         f'format: {error} is missing') from error


def load_keypoint_metainfo(name: str = 'coco') -> dict:
    """Describe the keypoints of a data set.

    Everything returned is a plain list or number, so that it can be stored
    in configs and in checkpoints.

    Args:
        name: ``'coco'``, ``'ochuman'``, ``'humanart'``, ``'crowdpose'``, one
            of mmpose's data sets where mmpose is installed, or the path of a
            ``.py`` file in mmpose's format.

    Returns:
        dict: ``num_keypoints`` (K); ``keypoint_names`` (K,);
        ``flip_indices`` (K,), the index of the mirrored keypoint;
        ``flip_pairs``, index pairs of keypoints that swap under a flip;
        ``skeleton_links``, index pairs; ``sigmas`` (K,), the OKS constants.

    Raises: InputError: There is no such description.
    """
    if name in DESCRIBED_HERE:
        sigmas, links = DESCRIBED_HERE[name]
        return _describe(sigmas, {k: _other_side(k) for k in sigmas}, links)
    return copy.deepcopy(_read(_description_file(name)))
