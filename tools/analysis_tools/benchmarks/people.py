"""Made-up photos and persons, the same for everyone who is measured."""
from typing import List, Tuple

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample

from .measure import Options

NUM_KEYPOINTS = 17


def make_photo(size: Tuple[int, int], seed: int = 0) -> np.ndarray:
    """Something that compresses like a photo: large shapes, fine noise.

    Args:
        size (tuple[int, int]): Height and width.
        seed (int): Of the random numbers.

    Returns:
        np.ndarray: uint8, (H, W, 3).
    """
    rng = np.random.default_rng(seed)
    height, width = size
    photo = cv2.resize(
        rng.uniform(0, 255, (12, 16, 3)).astype(np.float32), (width, height),
        interpolation=cv2.INTER_CUBIC)
    photo += rng.normal(0, 8, photo.shape)
    return photo.clip(0, 255).astype(np.uint8)


def make_persons(num_persons: int,
                 size: Tuple[int, int],
                 seed: int = 0) -> List[dict]:
    """COCO-UniHuman annotations of elliptic persons, fully labelled.

    Args:
        num_persons (int): How many.
        size (tuple[int, int]): Height and width of the image.
        seed (int): Of the random numbers.

    Returns:
        list[dict]: ``bbox`` (x, y, w, h), ``area``, ``segmentation`` (one
        polygon of 40 corners), ``keypoints``, ``gender`` and ``age``.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outline = np.stack([np.cos(angles), np.sin(angles)], 1) / 2
    persons = []
    for _ in range(num_persons):
        w = rng.uniform(.1, .25) * width
        h = min(rng.uniform(2, 3) * w, .9 * height)
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        points = rng.uniform(.2, .8, (NUM_KEYPOINTS, 2)) * (w, h) + (x, y)
        polygon = outline * (w, h) + (x + w / 2, y + h / 2)
        visible = np.full((NUM_KEYPOINTS, 1), 2)
        persons.append(
            dict(
                bbox=[x, y, w, h],
                area=float(np.pi / 4 * w * h),
                iscrowd=0,
                category_id=1,
                segmentation=[polygon.ravel().round(2).tolist()],
                keypoints=np.hstack([points.round(2),
                                     visible]).ravel().tolist(),
                num_keypoints=NUM_KEYPOINTS,
                gender=int(rng.integers(2)),
                age=int(rng.integers(85))))
    return persons


def make_empty_sample(size: Tuple[int, int], seed: int = 0) -> DetDataSample:
    """A sample to predict for.

    Args:
        size (tuple[int, int]): Height and width of the image.
        seed (int): Also the id of the image.

    Returns:
        DetDataSample: Without persons.
    """
    return DetDataSample(
        metainfo=dict(
            img_id=seed,
            img_shape=size,
            ori_shape=size,
            batch_input_shape=size,
            scale_factor=(1., 1.)))


def make_inputs(size: Tuple[int, int],
                options: Options,
                seed: int = 0,
                batch_size: int = 1) -> torch.Tensor:
    """What a detector sees: normalised images on the device.

    Args:
        size (tuple[int, int]): Height and width of the images.
        options (Options): With the device.
        seed (int): Of the random numbers.
        batch_size (int): Number of images.

    Returns:
        Tensor: (bs, 3, H, W).
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(batch_size, 3, *size, generator=generator)
    return images.to(options.device)
