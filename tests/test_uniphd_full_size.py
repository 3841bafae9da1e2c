"""UniPHD of full size: parameters as published, a step, and answers."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.registry import MODELS
from mmhqnet.structures import Point, Scribble, Text
from mmhqnet.testing import make_images, make_sample

CONFIGS = Path(__file__).parents[1] / 'configs/uniphd'
PROMPTS = (Text('the woman on the left'), Point(30, 20),
           Scribble([[10, 10], [20, 30], [40, 40]]))


@pytest.mark.slow
@pytest.mark.parametrize('name, million', [('swin-t', 184.0), ('r50', None)])
def test_a_step_and_an_answer_for_every_kind_of_prompt(name, million):
    pytest.importorskip('transformers')
    init_default_scope('mmdet')
    config = Config.fromfile(CONFIGS / f'uniphd_{name}_4xb4-20e_refhuman.py')
    config.model.backbone.init_cfg = None
    config.model.text_encoder.name_or_path = None  # its size, no download
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    if million:
        number = sum(weight.numel() for weight in model.parameters())
        assert number / 1e6 == pytest.approx(million, abs=.05)
    samples = [
        make_sample(1, img_shape=(96, 128), seed=seed)
        for seed in range(len(PROMPTS))
    ]
    for sample, prompt in zip(samples, PROMPTS):
        sample.prompt = prompt
    images = make_images(samples).float()
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    loss = sum(model.train().loss(images, samples).values())
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert all(weight.isfinite().all() for weight in model.parameters())
    with torch.no_grad():
        answers = model.eval().predict(images, samples)
    for answer in answers:
        persons = answer.pred_instances
        assert persons.masks.shape == (20, 96, 128)
        assert all(persons[field].isfinite().all()
                   for field in ('bboxes', 'scores', 'keypoints'))
