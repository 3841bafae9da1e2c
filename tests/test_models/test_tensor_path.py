"""From an image to tensors, without results: what an export can trace."""
import dataclasses

import pytest
import torch
from torch import nn


@pytest.fixture
def samples(make_sample):
    return [make_sample(seed=seed) for seed in range(2)]


@pytest.fixture
def model(build_model):
    return build_model().eval()


def flat(selected):
    return {
        f'{task}.{name}': value
        for task, outputs in selected.items()
        for name, value in outputs.items()
    }


class Network(nn.Module):
    """Images in, tensors out."""

    def __init__(self, model, samples):
        super().__init__()
        self.model = model
        self.samples = samples

    def forward(self, images):
        inputs = self.model.forward_transformer(
            self.model.extract_feat(images), self.samples)
        return flat(self.model.bbox_head.select(**inputs))


class Head(nn.Module):
    """Human queries and the encoder's tensors in, tensors out."""

    def __init__(self, head, encoded):
        super().__init__()
        self.head = head
        self.encoded = encoded

    def forward(self, hidden_states, references, memory, pixel_embedding):
        encoded = dataclasses.replace(
            self.encoded, memory=memory, pixel_embedding=pixel_embedding)
        return flat(self.head.select(hidden_states, references, encoded))


def assert_same(ours, expected):
    assert ours.keys() == expected.keys() and 'mask.mask_logits' in ours
    for name, value in expected.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-6, atol=1e-6, msg=name)


def test_traced_network(model, samples, make_images):
    """On other images than those that were traced."""
    network = Network(model, samples)
    images, others = (make_images(samples, seed=seed) for seed in (0, 7))
    with torch.no_grad():
        traced = torch.jit.trace(
            network, (images, ), strict=False, check_trace=False)
        expected = network(others)
        assert_same(traced(others), expected)
    assert not expected['box.bboxes'].allclose(network(images)['box.bboxes'])


def test_exported_head(model, samples, make_encoded):
    """By ``torch.export``, which refuses numbers taken from tensors."""
    encoded, other = (make_encoded(samples, seed=seed) for seed in (0, 7))
    head = Head(model.bbox_head, encoded)

    def inputs(encoded, seed):
        generator = torch.Generator().manual_seed(seed)
        hidden_states = torch.randn(2, 2, 20, 32, generator=generator)
        references = torch.rand(2, 2, 20, 4, generator=generator)
        return (hidden_states.double(), list(references.double()),
                encoded.memory, encoded.pixel_embedding)

    with torch.no_grad():
        exported = torch.export.export(head, inputs(encoded, 0))
        assert_same(exported.module()(*inputs(other, 1)),
                    head(*inputs(other, 1)))


@pytest.mark.parametrize('rescale', [True, False])
def test_packed_tensors_are_the_predictions(model, samples, make_images,
                                            rescale):
    """Whatever has computed the tensors."""
    samples[0].set_metainfo(
        dict(ori_shape=(128, 192), scale_factor=(0.5, 0.5)))
    images = make_images(samples)
    with torch.no_grad():
        inputs = model.forward_transformer(model.extract_feat(images), samples)
        selected = model.bbox_head.select(**inputs)
        packed = model.bbox_head.pack(
            selected, [sample.metainfo for sample in samples], rescale)
        results = model.predict(images, samples, rescale)
    for persons, result in zip(packed, results):
        expected = result.pred_instances
        assert persons.keys() == expected.keys() and len(persons) == 10
        for field, value in expected.items():
            assert persons[field].equal(value), field
