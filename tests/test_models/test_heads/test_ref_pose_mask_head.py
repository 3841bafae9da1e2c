import pytest
import torch

from mmhqnet.models.heads import RefPoseMaskHead
from mmhqnet.models.losses import referred_persons
from mmhqnet.structures import Point
from mmhqnet.testing import (build_model, make_images, make_sample,
                             tiny_uniphd_config)


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = RefPoseMaskHead(
        embed_dims=8, num_pred_layer=3, mask_head=dict(refine_dims=(4, 4)))
    head.init_weights()
    return head


def test_at_the_start_everything_stays_where_it_is(head):
    hidden = torch.randn(1, 2, 18, 8)
    reference = torch.rand(1, 2, 18, 2) * .8 + .1
    outputs = head.forward_layer(hidden, reference, 0)
    torch.testing.assert_close(outputs['keypoints'], reference[:, :, 1:])
    torch.testing.assert_close(outputs['bboxes'][..., :2], reference[:, :, 0])
    assert (outputs['bboxes'][..., 2:] == .5).all()
    assert (outputs['cls_scores'].sigmoid() < .5).all()
    pose = head.propose(torch.randn(1, 2, 8), torch.zeros(1, 2, 2))
    assert (pose == .5).all()


def test_every_group_once_by_its_score_as_a_person(head):
    logits = torch.tensor([[[9., 0], [-9, 1], [3, -2]]])
    scores, kept = head._rank(logits)
    assert kept.tolist() == [[1, 0, 2]]
    torch.testing.assert_close(scores, torch.tensor([[1., 0, -2]]).sigmoid())
    head.test_cfg = dict(max_per_img=1)
    assert head._rank(logits)[1].tolist() == [[1]]
    head.test_cfg = dict(rank_classes=True)
    assert head._rank(logits)[1].tolist() == [[0, 2, 1]]


def test_the_matched_group_is_the_best_one():
    model = build_model(tiny_uniphd_config())
    sample = make_sample(1, img_shape=(64, 96))
    sample.prompt = Point(30, 20)
    inputs = model.forward_transformer(
        model.extract_feat(make_images([sample])), [sample])
    head = model.bbox_head
    layers = head(inputs['hidden_states'], inputs['references'])
    gt = sample.gt_instances
    size = torch.tensor([96., 64]).double()
    # A perfect pose, box and class in group 4 of the last layer.
    layers[-1]['keypoints'][0, 4] = gt.keypoints[0] / size
    layers[-1]['bboxes'][0, 4] = torch.cat(
        [(gt.bboxes[0, :2] + gt.bboxes[0, 2:]) / 2,
         gt.bboxes[0, 2:] - gt.bboxes[0, :2]]) / size.repeat(2)
    layers[-1]['cls_scores'][0, 4, 1] = 5
    outputs = {
        name: torch.stack([layer[name] for layer in layers])
        for name in layers[0]
    }
    persons = [referred_persons(gt, (64, 96), (64, 96), size)]
    assignment = head._match(outputs, persons)
    assert assignment.query_inds[-1].tolist() == [4]


def test_results_under_autocast_are_float32():
    config = tiny_uniphd_config()
    config['bbox_head']['attributes'] = dict(
        gender=dict(type='GenderHead'), age=dict(type='AgeHead'))
    model = build_model(config, torch.float32).eval()
    sample = make_sample(1, img_shape=(64, 96), dtype=torch.float32)
    sample.prompt = Point(30, 20)
    images = make_images([sample], dtype=torch.float32)
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        result, = model.predict(images, [sample], rescale=False)
    types = {
        name: values.dtype
        for name, values in result.pred_instances.items()
        if values.is_floating_point()
    }
    assert {'bboxes', 'keypoints', 'ages', 'gender_scores'} <= types.keys()
    assert set(types.values()) == {torch.float32}, types
