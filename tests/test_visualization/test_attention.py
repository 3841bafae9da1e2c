"""The recorded points are where a person's query really looks."""
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from mmhqnet import testing
from mmhqnet.errors import InputError
from mmhqnet.visualization.attention import draw_attention, recorded_attention


@pytest.fixture(scope='module')
def model():
    init_default_scope('mmdet')
    model = testing.build_model().eval()
    model.bbox_head.test_cfg['with_queries'] = True
    return model


def predict(model):
    samples = [testing.make_sample()]
    with recorded_attention(model) as record, torch.no_grad():
        sample, = model.predict(testing.make_images(samples), samples)
    return sample.pred_instances, record


def test_only_the_recorded_points_matter(model):
    """The last layer's attention, computed again from the record alone."""
    calls = {}
    attention = model.decoder.layers[-1].cross_attn
    handle = attention.register_forward_hook(
        lambda module, args, kwargs, out: calls.update(kwargs),
        with_kwargs=True)
    persons, record = predict(model)
    handle.remove()
    shapes = calls['spatial_shapes']
    assert record.points.shape[0] == len(record.queries)
    number = attention.num_heads * attention.num_levels * attention.num_points
    assert record.points.shape[1:] == (number, 2)
    weights = record.weights.unflatten(1, (attention.num_heads, -1))
    torch.testing.assert_close(
        weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert len(shapes) == attention.num_levels
    # the points of a person lie around its reference
    for query in persons.human_queries:
        points, weight = record.of(query)
        assert points.shape == (number, 2) and weight.shape == (number, )


def test_hooks_are_gone_afterwards(model):
    predict(model)
    assert not model.decoder._forward_hooks
    assert not model.decoder.layers[-1].cross_attn._forward_pre_hooks


def test_queries_of_other_images_are_refused(model):
    persons, record = predict(model)
    with pytest.raises(InputError, match='not of the recorded image'):
        record.of(persons.human_queries[0] + 1)


def test_heavy_points_are_drawn_on_top():
    image = np.full((80, 100, 3), 200, np.uint8)
    points = np.array([[50, 40], [50, 40], [10, 10], [500, 10]])
    picture = draw_attention(image, points, np.array([0.1, 0.9, 0.5, 0.2]),
                             np.array([5, 5, 90, 70]))
    blue, _, red = picture[40, 50].astype(int)
    assert red > blue + 50  # warm
    assert (image == 200).all()
