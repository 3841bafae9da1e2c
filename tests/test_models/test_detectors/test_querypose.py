"""QueryPose as a detector; its cascade: test_heads, its numbers: parity."""
import copy

import torch

from mmhqnet.testing import tiny_querypose_config


def test_config_is_good_for_two_models(build_model):
    cfg = tiny_querypose_config()
    before = copy.deepcopy(cfg)
    build_model(cfg)
    assert cfg == before
    build_model(cfg)


def test_decode_names_and_shapes(build_model, make_sample, make_images):
    model = build_model(tiny_querypose_config(num_stages=3)).eval()
    samples = [make_sample(), make_sample(seed=1)]
    with torch.no_grad():
        stages = model.decode(
            model.extract_feat(make_images(samples)), samples)
    assert len(stages) == 3
    for stage in stages:
        assert {
            name: value.shape[2:]
            for name, value in stage.items()
        } == {
            'cls_scores': (1, ),
            'bboxes': (4, ),
            'mu': (17, 2),
            'sigma': (17, 2),
            'keypoints': (17, 2),
            'keypoint_scores': (17, ),
        }
        assert all(value.shape[:2] == (2, 10) for value in stage.values())


def test_predicts_what_it_decodes(build_model, make_sample, make_images):
    model = build_model(tiny_querypose_config()).eval()
    sample = make_sample()
    images = make_images([sample])
    with torch.no_grad():
        stage = model.decode(model.extract_feat(images), [sample])[-1]
        result, = model.predict(images, [sample])
    distance = torch.cdist(
        result.pred_instances.keypoints.flatten(1),
        stage['keypoints'][0].flatten(1))
    assert (distance.min(1).values < 1e-9).all()
