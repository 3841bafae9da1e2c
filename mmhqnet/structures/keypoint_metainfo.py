"""Keypoint names, colours, skeleton and OKS sigmas of a data set.

They are read from the config files that mmpose ships, without importing
mmpose: its ``datasets`` package needs xtcocotools, which nothing here uses.
"""
import copy
import functools
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config

from mmhqnet.errors import InputError


def _mmpose_dataset_configs() -> Path:
    spec = find_spec('mmpose')
    folders = spec.submodule_search_locations if spec else ()
    for folder in folders:
        configs = Path(folder, '.mim', 'configs', '_base_', 'datasets')
        if configs.is_dir():
            return configs
    raise InputError(
        'mmpose with its config files is not installed, and it describes the '
        'keypoints: run `pip install --no-deps mmpose==1.3.2`')


def _keypoint_config(name: str) -> Path:
    if name.endswith('.py'):
        path = Path(name)
        if not path.is_file():
            raise InputError(f'keypoint_metainfo: no such file: {name}')
        return path
    configs = _mmpose_dataset_configs()
    path = configs / f'{name}.py'
    if not path.is_file():
        known = ', '.join(sorted(p.stem for p in configs.glob('*.py')))
        raise InputError(f"keypoint_metainfo: mmpose describes no '{name}'; "
                         f'use the path of a .py file or one of: {known}')
    return path


@functools.lru_cache(maxsize=None)
def _read(path: Path) -> dict:
    config = Config.fromfile(path)
    try:
        description = config['dataset_info']
        keypoints = [
            description['keypoint_info'][i]
            for i in range(len(description['keypoint_info']))
        ]
        index = {keypoint['name']: i for i, keypoint in enumerate(keypoints)}
        flip_indices = [
            index[keypoint.get('swap') or keypoint['name']]
            for keypoint in keypoints
        ]
        links = list(description['skeleton_info'].values())
        return dict(
            num_keypoints=len(keypoints),
            keypoint_names=list(index),
            flip_indices=flip_indices,
            flip_pairs=[(i, j) for i, j in enumerate(flip_indices) if i < j],
            skeleton_links=[
                tuple(index[name] for name in link['link']) for link in links
            ],
            keypoint_colors=[tuple(k['color']) for k in keypoints],
            skeleton_link_colors=[tuple(link['color']) for link in links],
            sigmas=[float(sigma) for sigma in description['sigmas']])
    except KeyError as error:
        raise InputError(f'{path}: not a keypoint description in mmpose\'s '
                         f'format: {error} is missing') from error


def load_keypoint_metainfo(name: str = 'coco') -> dict:
    """Read the keypoint description of a data set.

    Everything returned is a plain list or number, so that it can be stored
    in configs and in checkpoints.

    Args:
        name (str): One of mmpose's data sets, such as ``'coco'``,
            ``'ochuman'``, ``'crowdpose'``, ``'humanart'``, or the path of a
            ``.py`` file in the same format. Defaults to ``'coco'``.

    Returns:
        dict: ``num_keypoints`` (K); ``keypoint_names`` (K,);
        ``flip_indices`` (K,), the index of the mirrored keypoint;
        ``flip_pairs``, index pairs of keypoints that swap under a flip;
        ``skeleton_links``, index pairs; ``keypoint_colors`` (K, 3) and
        ``skeleton_link_colors`` (RGB, 0..255); ``sigmas`` (K,), the OKS
        constants.

    Raises:
        InputError: If mmpose is not installed or there is no such
            description.
    """
    return copy.deepcopy(_read(_keypoint_config(name)))
