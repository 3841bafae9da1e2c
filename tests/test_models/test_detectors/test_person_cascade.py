"""Any detector as a model of persons."""
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData

from mmhqnet import testing
from mmhqnet.models.crop_models import CropModel
from mmhqnet.registry import MODELS

SIZE = (16, 12)


@MODELS.register_module(force=True)
class MarkedDetector(torch.nn.Module):
    """Finds what it is told: an image's persons and a thing."""

    def loss(self, images, samples):
        return dict(loss_box=images.sum() * 0 + 1)

    def predict(self, images, samples, rescale=True):
        for sample in samples:
            boxes = sample.gt_instances.bboxes
            if rescale:
                boxes = boxes / boxes.new_tensor(sample.scale_factor).repeat(2)
            boxes = torch.cat([boxes.new_zeros(1, 4), boxes])
            labels = torch.full((len(boxes), ), 3)
            labels[0] = 5
            sample.pred_instances = InstanceData(
                bboxes=boxes, labels=labels, scores=torch.ones(len(boxes)))
        return samples


@MODELS.register_module(force=True)
class CornersOfCrops(CropModel):
    """Says where it looks, and what it sees there."""

    def __init__(self, **kwargs):
        super().__init__(size=SIZE, **kwargs)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def loss(self, crops, regions, persons):
        assert len(crops) == len(regions) == sum(map(len, persons))
        return dict(loss_seen=crops.mean() * self.weight.sum())

    def predict(self, crops, regions):
        return dict(corners=regions, seen=crops.mean((1, 2, 3)))


@pytest.fixture
def model():
    return MODELS.build(
        dict(
            type='PersonCascade',
            detector=dict(type='MarkedDetector'),
            crop_models=dict(corners=dict(type='CornersOfCrops')),
            person_label=3))


def batch():
    samples = [
        testing.make_sample(
            n, (64, 96), ori_shape=(128, 192), seed=n, dtype=torch.float)
        for n in (2, 0, 1)
    ]
    return testing.make_images(samples, dtype=torch.float), samples


def test_persons_alone_in_the_pixels_of_the_photo(model):
    images, samples = batch()
    results = {
        rescale:
        [s.pred_instances for s in model.predict(*batch(), rescale=rescale)]
        for rescale in (True, False)
    }
    for sample, inside, outside in zip(samples, results[False], results[True]):
        assert (inside.labels == 0).all()
        torch.testing.assert_close(inside.bboxes, sample.gt_instances.bboxes)
        torch.testing.assert_close(outside.bboxes, inside.bboxes * 2)
        if len(inside):
            torch.testing.assert_close(outside.corners, inside.corners * 2)
            torch.testing.assert_close(outside.seen, inside.seen)
            centres = inside.corners.view(-1, 2, 2).mean(1)
            torch.testing.assert_close(centres,
                                       inside.bboxes.view(-1, 2, 2).mean(1))
    assert [len(persons) for persons in results[True]] == [2, 0, 1]


def test_results_of_half_precision_become_float32(model, monkeypatch):
    """NumPy, which evaluates them, does not know bfloat16."""
    for part in (model.detector, model.crop_models['corners']):
        predict = part.predict

        def halved(*args, predict=predict, **kwargs):
            results = predict(*args, **kwargs)
            if isinstance(results, dict):
                return {
                    key: value.bfloat16()
                    for key, value in results.items()
                }
            for sample in results:
                persons = sample.pred_instances
                persons.bboxes = persons.bboxes.bfloat16()
                persons.scores = persons.scores.bfloat16()
            return results

        monkeypatch.setattr(part, 'predict', halved)
    for sample in model.predict(*batch()):
        persons = sample.pred_instances
        assert persons.labels.dtype == torch.int64
        for values in (persons.bboxes, persons.scores,
                       *persons.get('corners', ())):
            assert values.dtype == torch.float32


def test_losses_by_name(model):
    images, samples = batch()
    losses = model.loss(images, samples)
    assert set(losses) == {'loss_box', 'corners.loss_seen'}
    seen = torch.cat([
        p.pred_instances.seen for p in model.predict(*batch())
        if len(p.pred_instances)
    ])
    torch.testing.assert_close(losses['corners.loss_seen'], seen.mean())


def test_nobody_there_still_gives_gradients(model):
    sample = testing.make_sample(0, (64, 96), dtype=torch.float)
    losses = model.loss(torch.zeros(1, 3, 64, 96), [sample])
    total, _ = model.parse_losses(losses)
    total.backward()
    assert model.crop_models.corners.weight.grad == 0


def test_a_checkpoint_of_the_detector_alone(tmp_path):

    def build(**kwargs):
        return MODELS.build(
            dict(
                type='PersonCascade',
                detector=dict(type='ResNet', depth=18, base_channels=8),
                **kwargs))

    path = str(tmp_path / 'zoo.pth')
    zoo, model = build().detector, build()
    torch.save(dict(state_dict=zoo.state_dict()), path)
    load_checkpoint(model, path, strict=True)
    for name, value in zoo.state_dict().items():
        assert torch.equal(model.state_dict()[f'detector.{name}'], value)
    # And one of ours as ours.
    torch.save(dict(state_dict=build().state_dict()), path)
    load_checkpoint(model, path, strict=True)
