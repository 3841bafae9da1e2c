"""UniPHD learns a few drawn people by heart, whatever kind of prompt."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import mmhqnet  # noqa: F401
from mmhqnet.datasets.annotations.referring import mask_of
from mmhqnet.datasets.annotations.scribbles import draw_scribble
from mmhqnet.evaluation.functional.referring import mask_overlap
from mmhqnet.registry import MODELS
from mmhqnet.structures import Point, Scribble, Text
from mmhqnet.toy import draw_scene
from mmhqnet.toy.prompts import captions_of

ROOT = Path(__file__).parents[1]
SIZE = 64


def samples_of_one_picture():
    """Two people in one picture, each with words, a point and a scribble."""
    seed = next(
        seed for seed in range(50)
        if len(draw_scene(np.random.default_rng(seed), SIZE, SIZE, 2)[1]) == 2)
    picture, people = draw_scene(np.random.default_rng(seed), SIZE, SIZE, 2)
    samples = []
    for person, captions in zip(people, captions_of(people)):
        mask = mask_of(person, SIZE, SIZE)
        scribble = draw_scribble(mask, np.random.default_rng(0))
        keypoints = np.float32(person['keypoints']).reshape(1, 17, 3)
        x, y, w, h = person['bbox']
        for prompt in (Text(captions[-1]), Point(*scribble[5].tolist()),
                       Scribble(scribble)):
            sample = DetDataSample(
                metainfo=dict(
                    img_shape=(SIZE, SIZE),
                    ori_shape=(SIZE, SIZE),
                    batch_input_shape=(SIZE, SIZE)))
            sample.prompt = prompt
            sample.gt_instances = InstanceData(
                bboxes=torch.tensor([[x, y, x + w, y + h]]).float(),
                masks=BitmapMasks(mask[None], SIZE, SIZE),
                keypoints=torch.tensor(keypoints[..., :2]),
                keypoints_visible=torch.tensor(keypoints[..., 2]),
                areas=torch.tensor([float(person['area'])]),
                genders=torch.tensor([person['gender']]),
                ages=torch.tensor([person['age']]))
            samples.append(sample)
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1).float()
    image = (image - 120) / 58
    return image.expand(len(samples), -1, -1, -1), samples


@pytest.mark.slow
def test_the_same_picture_gives_the_person_that_is_meant():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = Config.fromfile(
        ROOT / 'configs/uniphd/uniphd_toy_r18_1xb4_toy-refhuman.py')
    init_default_scope('mmdet')
    model = MODELS.build(config.model)
    model.init_weights()
    images, samples = samples_of_one_picture()
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4)
    for _ in range(70):
        loss = sum(model.train().loss(images, samples).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        results = model.eval().predict(images, samples)
    for result, sample in zip(results, samples):
        best, truth = result.pred_instances, sample.gt_instances
        intersection, union = mask_overlap(best.masks[0].numpy(),
                                           truth.masks.to_ndarray()[0])
        assert intersection / union > 0.6, sample.prompt
        seen = truth.keypoints_visible[0] > 0
        error = (best.keypoints[0] - truth.keypoints[0]).norm(dim=-1)[seen]
        assert error.mean() < 3, sample.prompt  # pixels
        assert best.genders[0] == truth.genders[0]
