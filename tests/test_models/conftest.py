"""A tiny HQNet, made-up persons, and random encoder outputs."""
import copy
import math

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmhqnet.models.task_heads import EncodedImages
from mmhqnet.registry import MODELS

DIMS = 32
NUM_KEYPOINTS = 17
TASK_HEADS = dict(
    mask=dict(type='MaskHead', num_points=200),
    pose=dict(
        type='PoseHead',
        hidden_dims=DIMS,
        refine=dict(
            type='PoseRefinementDecoder',
            feedforward_channels=DIMS,
            dropout=0.0),
        heatmap=dict(
            type='KeypointHeatmap', feedforward_channels=DIMS, dropout=0.0)),
    gender=dict(type='GenderHead'),
    age=dict(type='AgeHead'))


@pytest.fixture(autouse=True)
def mmdet_scope():
    init_default_scope('mmdet')


@pytest.fixture(autouse=True, scope='module')
def one_thread():
    """More of them only get in each other's way on tensors this small."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


def _tiny_config(tasks=tuple(TASK_HEADS), num_queries=20, embed_dims=DIMS):
    attention = dict(embed_dims=embed_dims, dropout=0.0)
    ffn = dict(embed_dims=embed_dims, feedforward_channels=DIMS, ffn_drop=0.0)
    return copy.deepcopy(
        dict(
            type='HQNet',
            num_queries=num_queries,
            with_box_refine=True,
            as_two_stage=True,
            data_preprocessor=dict(
                type='DetDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True,
                pad_mask=True),
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=8,
                frozen_stages=1,
                norm_cfg=dict(type='BN', requires_grad=False)),
            neck=dict(
                type='ChannelMapper',
                in_channels=[8, 16, 32, 64],
                kernel_size=1,
                out_channels=embed_dims,
                act_cfg=None,
                norm_cfg=dict(type='GN', num_groups=4),
                num_outs=5),
            pixel_embedding=dict(
                type='PixelEmbedding', norm_cfg=dict(type='GN', num_groups=4)),
            encoder=dict(
                num_layers=2,
                layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
            decoder=dict(
                num_layers=2,
                return_intermediate=True,
                layer_cfg=dict(
                    self_attn_cfg=dict(attention, num_heads=4),
                    cross_attn_cfg=attention,
                    ffn_cfg=ffn),
                post_norm_cfg=None),
            positional_encoding=dict(
                num_feats=embed_dims // 2, normalize=True, temperature=20),
            bbox_head=dict(
                type='HQNetHead',
                embed_dims=embed_dims,
                num_classes=1,
                sync_cls_avg_factor=True,
                loss_cls=dict(
                    type='FocalLoss', use_sigmoid=True, loss_weight=1.0),
                loss_bbox=dict(type='L1Loss', loss_weight=5.0),
                loss_iou=dict(type='GIoULoss', loss_weight=2.0),
                task_heads={name: TASK_HEADS[name]
                            for name in tasks}),
            dn_cfg=dict(
                label_noise_scale=0.5,
                box_noise_scale=1.0,
                group_cfg=dict(dynamic=True, num_dn_queries=8)),
            train_cfg=dict(
                assigner=dict(
                    type='HumanQueryAssigner',
                    match_costs=[
                        dict(type='FocalLossCost', weight=1.0),
                        dict(type='BBoxL1Cost', weight=5.0, box_format='xywh'),
                        dict(type='IoUCost', iou_mode='giou', weight=2.0)
                    ])),
            test_cfg=dict(max_per_img=10)))


def _randomise(module, std=0.1):
    """Parameters as after training: no zeros, no symmetries."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter += std * noise.to(parameter.dtype)
    return module


def _build_model(cfg=None, dtype=torch.float64, seed=0, std=0.1):
    torch.manual_seed(seed)
    model = MODELS.build(cfg or _tiny_config())
    model.init_weights()
    return _randomise(model, std).to(dtype)


def _make_sample(num_persons=3,
                 img_shape=(64, 96),
                 canvas=None,
                 seed=0,
                 ori_shape=None,
                 dtype=torch.float64):
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
    gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=dtype),
        labels=torch.zeros(num_persons, dtype=torch.long),
        masks=BitmapMasks(masks, height, width),
        mask_valid=torch.ones(num_persons, dtype=torch.bool),
        keypoints=torch.tensor(keypoints, dtype=dtype),
        keypoints_visible=torch.tensor(visible, dtype=dtype),
        areas=torch.tensor(masks.sum((1, 2)), dtype=dtype),
        genders=torch.tensor(rng.integers(0, 2, num_persons)),
        ages=torch.tensor(rng.integers(0, 85, num_persons)))
    sample = DetDataSample(
        metainfo=dict(
            img_shape=img_shape,
            ori_shape=ori_shape,
            batch_input_shape=canvas or img_shape,
            scale_factor=(width / ori_shape[1], height / ori_shape[0])))
    sample.gt_instances = gt_instances
    sample.ignored_instances = gt_instances[:0]
    return sample


def _make_images(samples, seed=0, dtype=torch.float64):
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


def _make_encoded(samples, seed=0, embed_dims=DIMS, dtype=torch.float64):
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


@pytest.fixture
def tiny_config():
    """Config of the whole method at a hundredth of its size."""
    return _tiny_config


@pytest.fixture
def randomise():
    """Add noise to the parameters of a module."""
    return _randomise


@pytest.fixture
def build_model():
    """Build a tiny model whose parameters are all different from zero."""
    return _build_model


@pytest.fixture
def make_sample():
    """Make an image's ground truth, fully labelled."""
    return _make_sample


@pytest.fixture
def make_images():
    """Make the network's input for some samples."""
    return _make_images


@pytest.fixture
def make_encoded():
    """Make random :class:`EncodedImages` for some samples."""
    return _make_encoded


@pytest.fixture
def same_points(monkeypatch):
    """Random points depend on their number only, not on image or mask."""
    rand = torch.rand

    def shared_rows(*size, device=None, dtype=None):
        generator = torch.Generator().manual_seed(sum(size[1:]))
        return rand(
            1, *size[1:], generator=generator,
            dtype=dtype).expand(size).clone()

    monkeypatch.setattr(torch, 'rand', shared_rows)
