"""B6: our data pipeline against mmdet's, with masks."""
import contextlib
import copy
import io
import json
import pickle
import random
import tempfile
from pathlib import Path
from typing import Callable, List

import cv2
import numpy as np
import torch
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmhqnet.datasets  # noqa: F401  registers the transforms
from mmhqnet.datasets import CocoUniHumanDataset

from .measure import Options, interleave
from .people import make_persons, make_photo
from .report import Check, Row

DATASET = (
    Path(__file__).parents[3] / 'configs/_base_/datasets/coco_unihuman.py')
TARGETS = {1: None, 5: 1.3, 20: 2.5}
# What mmdet has in the place of our transforms.
MMDETS = {
    'LoadHumanAnnotations': 'LoadAnnotations',
    'HumanRandomFlip': 'RandomFlip',
    'HumanResize': 'Resize',
    'HumanRandomCrop': 'RandomCrop',
    'PackHumanInputs': 'PackDetInputs',
}


def row_b6(options: Options) -> Row:
    """Training samples per second, and bytes per sample.

    Args:
        options (Options): How to measure.

    Returns:
        Row: For images of 1, 5 and 20 persons.
    """
    init_default_scope('mmdet')
    pipeline = Config.fromfile(DATASET).train_pipeline
    size = options.pick((480, 640), (120, 160))
    checks = []
    for number, target in options.pick(TARGETS, {5: 1.3}).items():
        with tempfile.TemporaryDirectory() as folder:
            make_images(Path(folder), number, size, options.pick(8, 1))
            loaders = {
                'mmdet':
                loader(CocoDataset, folder, mmdet_pipeline(pipeline)),
                'ours':
                loader(CocoUniHumanDataset, folder, pipeline),
                'no masks':
                loader(CocoUniHumanDataset, folder, without_masks(pipeline))
            }
            samples = {name: load() for name, load in loaders.items()}
            # Rounds are short, so there can be many.
            repeats = options.pick(3 * options.repeats, 1)
            loading = interleave(loaders, options, repeats)
            arriving = interleave(
                {
                    name: arrival(load)
                    for name, load in loaders.items()
                }, options, repeats)
        arrived = 'loaded, sent to the training process, masks as tensors'
        ways = {'loaded': (loading, target), arrived: (arriving, None)}
        for what, (times, at_least) in ways.items():
            limit = times['mmdet'].wall / times['no masks'].wall
            checks.append(
                Check.of_times(
                    f'mmdet / ours, {len(samples["ours"])} samples of '
                    f'{number} person(s), {what}',
                    times['mmdet'],
                    times['ours'],
                    limit=f'{limit:.2f} without masks',
                    at_least=at_least))
        sizes = {name: label_bytes(each) for name, each in samples.items()}
        checks.append(
            Check(
                f'mmdet / ours, bytes of the labels of {number} person(s)',
                sizes['mmdet'] / sizes['ours'],
                limit=f'{sizes["no masks"]:,} bytes without masks',
                sides=(sizes['mmdet'], sizes['ours']),
                unit='bytes'))
    return Row(checks)


def make_images(folder: Path, num_persons: int, size: tuple,
                num_images: int) -> None:
    """Write photos and their annotations.

    Args:
        folder (Path): Where to.
        num_persons (int): Persons in each image.
        size (tuple[int, int]): Height and width.
        num_images (int): Number of images.
    """
    images, annotations = [], []
    for image_id in range(num_images):
        name = f'{image_id}.jpg'
        cv2.imwrite(str(folder / name), make_photo(size, image_id))
        images.append(
            dict(id=image_id, file_name=name, height=size[0], width=size[1]))
        for person in make_persons(num_persons, size, image_id):
            annotations.append(
                dict(person, id=len(annotations) + 1, image_id=image_id))
    content = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='person')])
    (folder / 'annotations.json').write_text(json.dumps(content))


def loader(dataset: type, folder: str,
           pipeline: List[dict]) -> Callable[[], list]:
    """A function that loads all samples, always with the same randomness.

    Args:
        dataset (type): Class of the data set.
        folder (str): With the images and ``annotations.json``.
        pipeline (list[dict]): Configs of the transforms.

    Returns:
        Callable: Without arguments; returns the samples.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        data = dataset(
            data_root=folder,
            data_prefix=dict(img=''),
            ann_file='annotations.json',
            metainfo=dict(classes=('person', )),
            pipeline=copy.deepcopy(pipeline))

    def load():
        random.seed(0)
        np.random.seed(0)
        return [data.prepare_data(index) for index in range(len(data))]

    return load


def arrival(load: Callable[[], list]) -> Callable[[], None]:
    """A function that takes samples all the way to the mask head.

    Args:
        load (Callable): Loads the samples.

    Returns:
        Callable: Without arguments.
    """

    def arrive():
        for sample in load():
            # As from a worker, but that images take the shared memory.
            labels = pickle.loads(pickle.dumps(sample['data_samples']))
            masks = labels.gt_instances.get('masks')
            if masks is not None:
                masks.to_tensor(torch.uint8, 'cpu')

    return arrive


def mmdet_pipeline(pipeline: List[dict]) -> List[dict]:
    """The same steps made of mmdet's transforms.

    Args:
        pipeline (list[dict]): Ours.

    Returns:
        list[dict]: Theirs.
    """
    steps = _translate(pipeline)
    for step in steps:
        if step['type'] == 'LoadAnnotations':
            step.update(with_bbox=True, with_mask=True)
    return steps


def _translate(config):
    if isinstance(config, dict):
        return {key: _translate(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(map(_translate, config))
    return MMDETS.get(config, config) if isinstance(config, str) else config


def without_masks(pipeline: List[dict]) -> List[dict]:
    """Our steps, but no masks are loaded.

    Args:
        pipeline (list[dict]): Ours.

    Returns:
        list[dict]: Ours, changed.
    """
    steps = copy.deepcopy(pipeline)
    for step in steps:
        if step['type'] == 'LoadHumanAnnotations':
            step['with_mask'] = False
    return steps


def label_bytes(samples: List[dict]) -> int:
    """What the labels of a sample take on their way to the training process.

    Args:
        samples (list[dict]): Packed samples.

    Returns:
        int: Mean number of bytes when pickled; the image is not in them.
    """
    return sum(
        len(pickle.dumps(sample['data_samples']))
        for sample in samples) // len(samples)
