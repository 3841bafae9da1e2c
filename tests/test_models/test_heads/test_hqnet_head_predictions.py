"""What the head makes of the kept queries of the last layer."""
import copy

import pytest
import torch

from mmhqnet.testing.models import DIMS


@pytest.fixture
def model(build_model):
    return build_model()


@pytest.fixture
def data(make_sample):
    """Resized images of three sizes, as the test pipeline gives them."""
    samples = [
        make_sample(0, shape, ori_shape=ori_shape)
        for shape, ori_shape in (((64, 96), (128, 192)), ((80, 51), (120, 77)),
                                 ((33, 47), (33, 47)))
    ]
    for sample in samples:
        del sample.gt_instances, sample.ignored_instances
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(
            0,
            256, (3, *sample.img_shape),
            dtype=torch.uint8,
            generator=generator) for sample in samples
    ]
    return dict(inputs=images, data_samples=samples)


FIELDS = dict(
    bboxes=((4, ), torch.float32),
    scores=((), torch.float32),
    labels=((), torch.int64),
    mask_scores=((), torch.float32),
    keypoints=((17, 2), torch.float32),
    keypoint_scores=((17, ), torch.float32),
    genders=((), torch.int64),
    gender_scores=((), torch.float32),
    ages=((), torch.float32))


@pytest.mark.parametrize('with_queries', [True, False])
def test_predicted_fields(tiny_config, build_model, data, with_queries):
    """Shapes, types and ranges; each image in its own pixels."""
    cfg = tiny_config()
    cfg['test_cfg'] = dict(max_per_img=7, with_queries=with_queries)
    model = build_model(cfg, dtype=torch.float32).eval()
    results = model.test_step(data)
    fields = dict(FIELDS)
    if with_queries:
        fields['human_queries'] = ((DIMS, ), torch.float32)
    for result in results:
        persons = result.pred_instances
        assert set(persons.keys()) == {*fields, 'masks'}
        for field, (shape, dtype) in fields.items():
            assert persons[field].shape == (7, *shape), field
            assert persons[field].dtype == dtype, field
        height, width = result.ori_shape
        assert persons.masks.shape == (7, height, width)
        assert persons.masks.dtype == torch.bool
        assert (persons.scores.diff() <= 0).all()
        assert (persons.labels == 0).all()
        assert (persons.mask_scores <= persons.scores).all()
        size = torch.tensor([width, height])
        for points in (persons.bboxes.view(7, 2, 2), persons.keypoints):
            assert (points >= 0).all() and (points <= size * 1.0001).all()
            assert (points > size / 2).any()
        assert ((persons.ages >= 0) & (persons.ages <= 84)).all()
        assert ((persons.gender_scores > 0.5) == (persons.genders == 1)).all()


def test_rescale(model, data):
    """Coordinates are divided by the scale factor, masks drawn at size."""
    model = model.float().eval()
    inputs = model.data_preprocessor(data)
    images, samples = inputs['inputs'], inputs['data_samples']
    with torch.no_grad():
        ours = model.predict(images, copy.deepcopy(samples), rescale=True)
        theirs = model.predict(images, copy.deepcopy(samples), rescale=False)
    for scaled, plain, sample in zip(ours, theirs, samples):
        scaled, plain = scaled.pred_instances, plain.pred_instances
        factor = torch.tensor(sample.scale_factor)
        torch.testing.assert_close(scaled.bboxes * factor.repeat(2),
                                   plain.bboxes)
        torch.testing.assert_close(scaled.keypoints * factor, plain.keypoints)
        assert plain.masks.shape[1:] == sample.img_shape
        assert scaled.masks.shape[1:] == sample.ori_shape
        for field in ('scores', 'ages', 'genders'):
            assert scaled[field].equal(plain[field])


def test_kept_queries_are_the_best(model, data):
    """The first of many are the same as if few had been asked for."""
    model = model.float().eval()
    results = []
    for number in (20, 4):
        model.bbox_head.test_cfg = dict(max_per_img=number)
        results.append(model.test_step(copy.deepcopy(data)))
    for many, few in zip(*results):
        many, few = many.pred_instances, few.pred_instances
        assert len(many) == 20 and len(few) == 4
        for field, value in few.items():
            torch.testing.assert_close(value, many[field][:4], msg=field)


def test_human_queries_are_the_last_layers(tiny_config, build_model,
                                           make_sample, make_images):
    cfg = tiny_config()
    cfg['test_cfg'] = dict(max_per_img=5, with_queries=True)
    model = build_model(cfg).eval()
    samples = [make_sample()]
    images = make_images(samples)
    with torch.no_grad():
        persons = model.predict(images, samples)[0].pred_instances
        states = model.forward_transformer(
            model.extract_feat(images), samples)['hidden_states'][-1, 0]
    branch = model.bbox_head.cls_branches[1]
    torch.testing.assert_close(
        branch(persons.human_queries).sigmoid()[:, 0], persons.scores)
    nearest = torch.cdist(persons.human_queries, states).amin(1)
    assert nearest.max() < 1e-6


def test_tensor_mode(model, make_sample, make_images):
    """Raw outputs of every layer, as for counting operations."""
    samples = [make_sample()]
    layers = model.eval()(make_images(samples), samples, mode='tensor')
    assert [set(layer) for layer in layers
            ] == [{'box', 'mask', 'pose', 'gender', 'age'}] * 2


def test_score_thr_leaves_out_whole_persons(model, make_sample, make_images):
    """What is kept is the same to the last bit, image by image."""
    model.eval()
    samples = [make_sample(seed=seed) for seed in (0, 1)]
    images = make_images(samples)
    with torch.no_grad():
        everything = [s.pred_instances for s in model.predict(images, samples)]
        scores = torch.cat([persons.scores for persons in everything])
        for threshold in (0., scores.median().item(), 1.):
            model.bbox_head.test_cfg = dict(
                model.bbox_head.test_cfg, score_thr=threshold)
            for sample, persons in zip(
                    model.predict(images, samples), everything):
                kept = persons[persons.scores > threshold]
                assert len(sample.pred_instances) == len(kept)
                for field, values in kept.items():
                    assert torch.equal(sample.pred_instances[field],
                                       values), field
