"""Without tasks, HQNet is DINO: the same boxes and denoising losses.

Compared with mmdet's own detector, small and with random weights.
"""
import copy
from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import mmhqnet.models  # noqa: F401
from mmhqnet.registry import MODELS
from mmhqnet.utils.checkpoint import convert_dino

ROOT = Path(__file__).parents[2]
NUM_QUERIES = 20
SMALL = dict(
    num_queries=NUM_QUERIES,
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64]),
    encoder=dict(
        num_layers=1, layer_cfg=dict(ffn_cfg=dict(feedforward_channels=64))),
    decoder=dict(
        num_layers=2, layer_cfg=dict(ffn_cfg=dict(feedforward_channels=64))),
    bbox_head=dict(
        task_heads=dict(mask=None, pose=None, gender=None, age=None)),
    # So little noise that no denoising box is clipped.
    dn_cfg=dict(box_noise_scale=0.2),
    test_cfg=dict(max_per_img=NUM_QUERIES))


def config_of_hqnet():
    config = Config.fromfile(ROOT / 'configs/_base_/models/hqnet_r50.py')
    config.merge_from_dict(dict(model=SMALL))
    return config.model


def config_of_dino(num_classes, num_queries=NUM_QUERIES):
    config = copy.deepcopy(config_of_hqnet())
    config.update(type='DINO', num_queries=num_queries)
    config.backbone.out_indices = (1, 2, 3)
    config.neck.update(in_channels=[16, 32, 64], num_outs=4)
    config.bbox_head.update(type='DINOHead', num_classes=num_classes)
    del config.bbox_head['task_heads']
    config.train_cfg.assigner.type = 'HungarianAssigner'
    # Every class of every query.
    config.test_cfg.max_per_img = NUM_QUERIES * num_classes
    return config


def build(config):
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    return model


def shake(model):
    """Give weights to what starts at zero: otherwise no box would move."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data += 0.01 * torch.randn_like(parameter)


@pytest.fixture
def batch():
    """Two images with two and one persons.

    Without padding: padding can be selected as a proposal, whose box is then
    the clipping bound itself.
    """
    boxes = ([[10., 5., 40., 80.], [30., 20., 75., 90.]], [[8., 10., 90.,
                                                            60.]])
    samples = [
        DetDataSample(
            metainfo=dict(
                img_shape=(96, 128),
                ori_shape=(96, 128),
                batch_input_shape=(96, 128),
                scale_factor=(1., 1.)),
            gt_instances=InstanceData(
                bboxes=torch.tensor(xyxy),
                labels=torch.zeros(len(xyxy), dtype=torch.long)))
        for xyxy in boxes
    ]
    torch.manual_seed(2)
    return torch.randn(2, 3, 96, 128), samples


def assert_nothing_is_clipped(hqnet, images, samples):
    """HQNet's head clips references at 1e-3, mmdet's DINO at 1e-5."""
    torch.manual_seed(3)
    with torch.no_grad():
        references = torch.stack(
            hqnet.forward_transformer(hqnet.extract_feat(images),
                                      samples)['references'])
    assert 0.001 < references.min() and references.max() < 0.999


@pytest.mark.parametrize('person', [0, 57])
def test_converted_dino_finds_the_same_persons(batch, person):
    images, samples = batch
    dino = build(config_of_dino(num_classes=80, num_queries=30)).eval()
    shake(dino)
    # DINO selects proposals by their best class: make it the person.
    dino.bbox_head.cls_branches[-1].bias.data[person] += 100
    weights = convert_dino(dino.state_dict(), NUM_QUERIES, person)

    hqnet = build(config_of_hqnet()).eval()
    missing, unexpected = hqnet.load_state_dict(weights, strict=False)
    assert not unexpected
    # Only of the stride-4 convolution, which nothing without masks reads.
    assert missing and all(key.startswith('neck.convs.0.') for key in missing)

    # Queries see each other, so DINO has to have as few, too.
    dino.num_queries = NUM_QUERIES
    dino.query_embedding.weight.data = weights['query_embedding.weight']
    dino, hqnet, images = dino.double(), hqnet.double(), images.double()
    with torch.no_grad():
        everything = dino.predict(images, copy.deepcopy(samples))
        persons = hqnet.predict(images, copy.deepcopy(samples))
    assert_nothing_is_clipped(hqnet, images, samples)
    for ours, theirs in zip(persons, everything):
        ours, theirs = ours.pred_instances, theirs.pred_instances
        theirs = theirs[theirs.labels == person]
        assert len(ours) == len(theirs) == NUM_QUERIES
        # The first boxes are logits in float32, which the machine may round
        # differently for mmdet.
        torch.testing.assert_close(
            ours.scores, theirs.scores, rtol=1e-6, atol=0)
        torch.testing.assert_close(
            ours.bboxes, theirs.bboxes, rtol=1e-6, atol=0)
        assert (ours.bboxes.std(0) > 1).all()  # they are not all the same


def test_references_at_the_border_are_clipped_at_another_bound():
    """Where the docs say that boxes differ, they differ by so much."""
    hqnet = build(config_of_hqnet())
    dino = build(config_of_dino(num_classes=1))
    dino.bbox_head.load_state_dict(hqnet.bbox_head.state_dict())
    reference = torch.tensor([0., 1e-4, 1e-3, 0.5, 0.999, 0.9999, 1.])
    reference = reference[None, :, None].expand(-1, -1, 4)
    query = torch.zeros(2, 1, 7, 256)
    ours = torch.stack([
        layer['box']['bboxes']
        for layer in hqnet.bbox_head(query, [reference] * 2)
    ])
    theirs = dino.bbox_head(query, [reference] * 2)[1]
    difference = (ours - theirs).abs()
    assert (difference[:, :, [0, 1, 5, 6]] > 5e-4).all()
    assert (difference < 1.001e-3).all()
    assert (difference[:, :, [2, 3, 4]] < 1e-6).all()


def test_losses(batch):
    """One class, no task: all losses are DINO's.

    With the same random draws; mmdet's denoising only does float32.
    """
    images, samples = batch
    dino = build(config_of_dino(num_classes=1))
    shake(dino)
    hqnet = build(config_of_hqnet())
    hqnet.load_state_dict(
        convert_dino(dino.state_dict(), NUM_QUERIES), strict=False)
    assert_nothing_is_clipped(hqnet, images, samples)
    losses = []
    for model in (dino, hqnet):
        torch.manual_seed(3)
        losses.append({
            name: value.item()
            for name, value in model.loss(images, copy.deepcopy(
                samples)).items()
        })
    theirs, ours = losses
    assert {'dn_loss_bbox', 'd0.dn_loss_cls', 'enc_loss_iou'} < set(theirs)
    assert len(theirs) == 15 and min(theirs.values()) > 0
    assert ours == pytest.approx(theirs, rel=1e-5)
