"""Made-up persons, and random encoder outputs of the right shapes."""
import math

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from mmhqnet.models.encoded_images import EncodedImages
from mmhqnet.toy.dataset import make_data_set

from .models import DIMS

NUM_KEYPOINTS = 17


def make_sample(num_persons=3,
                img_shape=(64, 96),
                canvas=None,
                seed=0,
                ori_shape=None,
                dtype=torch.float64):
    """An image's persons, ellipses in boxes, with every label known.

    Args:
        img_shape: (h, w) of the image.
        canvas: (h, w) that the batch is padded to, by default the same.
        ori_shape: (h, w) of the photo, by default the same.
    """
    height, width = img_shape
    ori_shape = ori_shape or img_shape
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0.3, 0.7, (num_persons, 2))
    sizes = rng.uniform(0.2, 0.55, (num_persons, 2))
    boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])
    boxes *= np.array([width, height] * 2)
    keypoints = boxes[:, None, :2] + rng.uniform(
        0, 1, (num_persons, NUM_KEYPOINTS, 2)) * (
            boxes[:, None, 2:] - boxes[:, None, :2])
    visible = rng.integers(0, 3, (num_persons, NUM_KEYPOINTS))
    visible[:, seed % NUM_KEYPOINTS] = 2
    y, x = np.mgrid[:height, :width] + 0.5
    masks = [((x - cx * width) / (w * width / 2))**2 +
             ((y - cy * height) / (h * height / 2))**2 < 1
             for (cx, cy), (w, h) in zip(centres, sizes)]
    masks = np.array(masks, np.uint8).reshape(-1, height, width)
    # The middle third of the upper quarter.
    faces = boxes @ np.array([[2 / 3, 0, 1 / 3, 0], [0, 1, 0, 3 / 4],
                              [1 / 3, 0, 2 / 3, 0], [0, 0, 0, 1 / 4]])
    gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=dtype),
        labels=torch.zeros(num_persons, dtype=torch.long),
        masks=BitmapMasks(masks, height, width),
        mask_valid=torch.ones(num_persons, dtype=torch.bool),
        keypoints=torch.tensor(keypoints, dtype=dtype),
        keypoints_visible=torch.tensor(visible, dtype=dtype),
        areas=torch.tensor(masks.sum((1, 2)), dtype=dtype),
        genders=torch.tensor(rng.integers(0, 2, num_persons)),
        ages=torch.tensor(rng.integers(0, 85, num_persons)),
        face_boxes=torch.tensor(faces, dtype=dtype),
        face_valid=torch.ones(num_persons, dtype=torch.bool))
    sample = DetDataSample(
        metainfo=dict(
            img_shape=img_shape,
            ori_shape=ori_shape,
            batch_input_shape=canvas or img_shape,
            scale_factor=(width / ori_shape[1], height / ori_shape[0])))
    sample.gt_instances = gt_instances
    sample.ignored_instances = gt_instances[:0]
    return sample


def make_images(samples, seed=0, dtype=torch.float64):
    """Normalised noise, zero where padded; an image's is its own."""
    images = []
    for number, sample in enumerate(samples):
        generator = torch.Generator().manual_seed(seed + number)
        image = torch.zeros(3, *sample.batch_input_shape, dtype=dtype)
        height, width = sample.img_shape
        image[:, :height, :width] = torch.randn(
            3, height, width, generator=generator, dtype=dtype)
        images.append(image)
    return torch.stack(images)


def make_encoded(samples, seed=0, embed_dims=DIMS, dtype=torch.float64):
    """Encoder outputs of the right shapes, padding included."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*size):
        return torch.randn(*size, generator=generator, dtype=dtype)

    canvas = samples[0].batch_input_shape
    shapes = [
        tuple(math.ceil(size / stride) for size in canvas)
        for stride in (8, 16, 32, 64)
    ]
    masks, ratios = [], []
    for sample in samples:
        valid = [
            tuple(math.ceil(size / stride) for size in sample.img_shape)
            for stride in (8, 16, 32, 64)
        ]
        ratios.append([(v[1] / s[1], v[0] / s[0])
                       for v, s in zip(valid, shapes)])
        for (h, w), shape in zip(valid, shapes):
            mask = torch.ones(shape, dtype=torch.bool)
            mask[:h, :w] = False
            masks.append(mask.flatten())
    mask = torch.cat(masks).view(len(samples), -1)
    starts = np.cumsum([0] + [h * w for h, w in shapes])
    return EncodedImages(
        memory=randn(len(samples), starts[-1], embed_dims),
        memory_mask=mask if mask.any() else None,
        memory_pos=randn(len(samples), starts[-1], embed_dims),
        spatial_shapes=shapes,
        level_start_index=torch.tensor(starts[:-1]),
        valid_ratios=torch.tensor(ratios, dtype=dtype),
        pixel_embedding=randn(
            len(samples), embed_dims,
            *(math.ceil(size / 4) for size in canvas)),
        img_metas=[sample.metainfo for sample in samples])


def draw_data_set(folder, **options):
    """Write a data set of drawn people, by default three images of 64 x 64.

    Args:
        folder (Path): Must not hold anything else.
        **options: Of :func:`mmhqnet.toy.dataset.make_data_set`.
    """
    tiny = dict(
        num_train=2,
        num_val=1,
        image_size=[64, 64],
        max_persons=2,
        crowded=0.0,
        seed=0,
        unlabelled=0.0)
    make_data_set(folder, {**tiny, **options}, report=lambda line: None)
