"""HQNet and the models that it is compared with, all on ResNet-50.

Their weights are random: what they find makes no difference to the work that
they do.
"""
import copy
import logging
import warnings
from pathlib import Path
from typing import Tuple

from mmcv.ops import MultiScaleDeformableAttention
from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.ops import MSDeformAttention
from mmhqnet.registry import MODELS

from .measure import Options

CONFIGS = Path(__file__).parents[3] / 'configs'
MODEL = CONFIGS / '_base_/models/hqnet_r50.py'
LITE = MODEL.with_name('hqnet-lite-s_mobilenetv2.py')
POSE_PEER = ('mmpose::body_2d_keypoint/topdown_heatmap/coco/'
             'td-hm_res50_8xb64-210e_coco-256x192.py')
LIGHT_POSE_PEER = ('mmpose::body_2d_keypoint/rtmpose/coco/'
                   'rtmpose-m_8xb256-420e_coco-256x192.py')
# mmdet's decoder has 256 channels whatever the config says.
_TINY_BACKBONE = dict(depth=18, base_channels=8)
_TINY_CHANNELS = [8, 16, 32, 64]
_TINY_FFN = dict(feedforward_channels=32)


def hqnet_config(options: Options) -> ConfigDict:
    """Config of HQNet: the paper's, or a tiny one.

    Args:
        options (Options): With ``quick``.

    Returns:
        ConfigDict: Of the model.
    """
    config = Config.fromfile(MODEL)
    config.model.backbone.init_cfg = None
    if options.quick:
        layer = dict(num_layers=1, layer_cfg=dict(ffn_cfg=_TINY_FFN))
        config.merge_from_dict(
            dict(
                model=dict(
                    num_queries=20,
                    backbone=_TINY_BACKBONE,
                    neck=dict(in_channels=_TINY_CHANNELS),
                    encoder=layer,
                    decoder=layer,
                    bbox_head=dict(task_heads=dict(mask=dict(num_points=64))),
                    dn_cfg=dict(group_cfg=dict(num_dn_queries=8)),
                    test_cfg=dict(max_per_img=10))))
    return config.model


def dino_config(hqnet: ConfigDict) -> ConfigDict:
    """mmdet's DINO of the same size: what is left without the tasks.

    Args:
        hqnet (ConfigDict): Config of HQNet.

    Returns:
        ConfigDict: Of the model.
    """
    dino = copy.deepcopy(hqnet)
    dino.type, dino.bbox_head.type = 'DINO', 'DINOHead'
    del dino.bbox_head['task_heads']
    dino.train_cfg.assigner.type = 'HungarianAssigner'
    # DINO starts at stride 8.
    dino.backbone.out_indices = dino.backbone.out_indices[1:]
    dino.neck.in_channels = dino.neck.in_channels[1:]
    dino.neck.num_outs -= 1
    return dino


def build(config: ConfigDict, options: Options) -> nn.Module:
    """Build a model of mmdet or ours, without its flood of messages.

    Args:
        config (ConfigDict): Of the model.
        options (Options): With the device.

    Returns:
        nn.Module: Initialised, on the device, in evaluation mode.
    """
    init_default_scope('mmdet')
    model = MODELS.build(copy.deepcopy(config))
    logging.disable(logging.WARNING)
    try:
        model.init_weights()
    finally:
        logging.disable(logging.NOTSET)
    return model.to(options.device).eval()


def build_hqnet(options: Options) -> nn.Module:
    """HQNet with all tasks.

    Args:
        options (Options): Size and device.

    Returns:
        nn.Module: The model.
    """
    return build(hqnet_config(options), options)


def build_part_queries(options: Options) -> nn.Module:
    """HQNet whose poses are refined by part queries.

    Args:
        options (Options): Size and device.

    Returns:
        nn.Module: The model.
    """
    config = hqnet_config(options)
    config.bbox_head.task_heads.pose.refine = dict(type='PartQueryRefiner')
    return build(config, options)


def build_lite(options: Options) -> nn.Module:
    """HQNet-Lite-s with all tasks.

    Args:
        options (Options): Size and device.

    Returns:
        nn.Module: The model.
    """
    config = Config.fromfile(LITE).model
    config.backbone.init_cfg = None
    return build(config, options)


def build_dino(options: Options) -> nn.Module:
    """mmdet's DINO with mmcv's attention, of the size of HQNet.

    Args:
        options (Options): Size and device.

    Returns:
        nn.Module: The model.
    """
    return build(dino_config(hqnet_config(options)), options)


def with_our_attention(model: nn.Module) -> nn.Module:
    """The same model, but for the code of its deformable attention.

    Args:
        model (nn.Module): A model with mmcv's attention.

    Returns:
        nn.Module: A copy that shares the weights.
    """
    model = copy.deepcopy(
        model, {id(parameter): parameter
                for parameter in model.parameters()})
    for parent in list(model.modules()):
        for name, theirs in list(parent.named_children()):
            if type(theirs) is MultiScaleDeformableAttention:
                ours = MSDeformAttention(
                    embed_dims=theirs.embed_dims,
                    num_heads=theirs.num_heads,
                    num_levels=theirs.num_levels,
                    num_points=theirs.num_points,
                    dropout=theirs.dropout.p,
                    batch_first=theirs.batch_first)
                ours._modules.update(theirs._modules)
                parent.add_module(name, ours.train(theirs.training))
    return model


def build_rcnn(options: Options, masks: bool = True) -> nn.Module:
    """mmdet's Mask R-CNN or Faster R-CNN for persons.

    Args:
        options (Options): Size and device.
        masks (bool): Mask R-CNN.

    Returns:
        nn.Module: The model.
    """
    name = 'mask' if masks else 'faster'
    config = get_config(f'mmdet::{name}_rcnn/{name}-rcnn_r50_fpn_1x_coco.py')
    config.model.backbone.init_cfg = None
    heads = dict(bbox_head=dict(num_classes=1))
    if masks:
        heads['mask_head'] = dict(num_classes=1)
    config.merge_from_dict(dict(model=dict(roi_head=heads)))
    if options.quick:
        config.merge_from_dict(
            dict(
                model=dict(
                    backbone=_TINY_BACKBONE,
                    neck=dict(in_channels=_TINY_CHANNELS),
                    test_cfg=dict(rpn=dict(max_per_img=50)))))
    return build(config.model, options)


def build_light_detector(options: Options) -> nn.Module:
    """mmdet's RTMDet-tiny for persons.

    Args:
        options (Options): With the device.

    Returns:
        nn.Module: The model.
    """
    config = get_config('mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py')
    config.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(init_cfg=None),
                bbox_head=dict(num_classes=1),
                # Random scores are low.
                test_cfg=dict(score_thr=0.))))
    model = build(config.model, options)
    for branch in model.bbox_head.rtm_reg:
        nn.init.ones_(branch.bias)  # boxes that are larger than nothing
    return model


def build_pose_estimator(options: Options,
                         name: str) -> Tuple[nn.Module, Config]:
    """A pose estimator for crops, without flip test.

    Args:
        options (Options): Size and device.
        name (str): One of mmpose's configs.

    Returns:
        tuple[nn.Module, Config]: The model and its whole config.
    """
    try:
        import mmpose.models  # noqa: F401
        from mmpose.registry import MODELS as POSE_MODELS
    except ImportError as error:
        raise InputError(f'row B3 needs mmpose with all it imports ({error}); '
                         'make env-ops installs it') from error
    config = get_config(name)
    config.model.backbone.init_cfg = None
    config.model.test_cfg.flip_test = False
    if options.quick and name == POSE_PEER:
        config.merge_from_dict(
            dict(
                model=dict(
                    backbone=_TINY_BACKBONE,
                    head=dict(in_channels=64, deconv_out_channels=(8, 8, 8)))))
    with warnings.catch_warnings(), \
            DefaultScope.overwrite_default_scope('mmpose'):
        warnings.simplefilter('ignore')
        model = POSE_MODELS.build(config.model)
    return model.to(options.device).eval(), config


class AttributeClassifier(nn.Module):
    """Gender and age of a crop: ResNet, mean, one linear layer.

    Args:
        options (Options): Size and device.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        init_default_scope('mmdet')
        size = _TINY_BACKBONE if options.quick else dict(depth=50)
        self.backbone = MODELS.build(
            dict(type='ResNet', out_indices=(3, ), **size))
        self.fc = nn.Linear(self.backbone.feat_dim, 1 + 85)
        self.to(options.device).eval()

    def forward(self, crops):
        """Logit of female, and of each age.

        Args:
            crops (Tensor): Normalised, (n, 3, 224, 224).

        Returns:
            Tensor: (n, 86).
        """
        features, = self.backbone(crops)
        return self.fc(features.mean((2, 3)))
