"""A prompt leaves one person, of any model."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet.apis import HQNetInferencer
from mmhqnet.errors import InputError
from mmhqnet.structures import Box, Point, Scribble, Text, prompt_from_dict
from mmhqnet.testing import build_model, tiny_uniphd_config

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / 'docs/persons.schema.json').read_text())


@pytest.fixture
def chooser(config, checkpoint):
    """Of a model that sees two persons with one box; scores .9 and .2."""
    return HQNetInferencer(config, checkpoint, 'cpu', show_progress=False)


@pytest.fixture(scope='module')
def reader(tmp_path_factory):
    """Of a tiny UniPHD."""
    folder = tmp_path_factory.mktemp('model')
    config = Config.fromfile(ROOT / 'configs/uniphd/'
                             'uniphd_toy_r18_1xb4_toy-refhuman.py')
    config._cfg_dict.model = tiny_uniphd_config()
    init_default_scope('mmdet')
    weights = build_model(config.model, dtype=torch.float32).state_dict()
    torch.save(dict(state_dict=weights, meta={}), folder / 'model.pth')
    return HQNetInferencer(
        config, str(folder / 'model.pth'), 'cpu', show_progress=False)


def image():
    return np.random.default_rng(0).integers(
        0, 255, (90, 120, 3), dtype=np.uint8)


def is_valid(persons):
    if jsonschema is not None:  # the rest of a test needs no validator
        jsonschema.validate(json.loads(persons.to_json()), SCHEMA)


@pytest.mark.parametrize('prompt, match',
                         [(Point(10, 10), 1),
                          (Scribble([[10, 10], [100, 80]]), .5),
                          (Scribble([[3, 4]]), 1), (Box(0, 0, 60, 45), 1),
                          (Text('woman'), None)])
def test_the_person_meant_comes_with_everything(chooser, prompt, match):
    every, = chooser.predict(image(), score_thr=0)
    meant, = chooser.predict(image(), score_thr=0, prompt=prompt)
    assert len(every) == 2 and len(meant) == 1
    assert meant[0].to_dict() == every[0].to_dict()
    assert meant.prompt == prompt and meant.choice.match == match
    assert prompt_from_dict(meant.to_dict()['prompt']) == prompt
    assert meant.to_dict()['version'] == 2
    is_valid(meant)
    called, = chooser(image(), prompt=prompt)['predictions']
    assert called['scores'] == pytest.approx([.9])
    assert called['prompt'] == prompt.to_dict()
    assert called['choice'] == meant.choice.to_dict()


@pytest.mark.parametrize('prompt, reason', [
    (Point(100, 80), 'touches nobody'),
    (Text('child'), 'words fit nobody'),
])
def test_nobody_meant_is_an_empty_result(chooser, prompt, reason):
    persons, = chooser.predict(image(), prompt=prompt)
    assert not len(persons) and not persons.error
    assert reason in persons.choice.reason
    is_valid(persons)
    assert persons.plot().shape[2] == 3


def test_an_image_without_persons_is_an_empty_result(chooser):
    for prompt in (Point(10, 10), Text('the oldest woman')):
        persons, = chooser.predict(image(), score_thr=.95, prompt=prompt)
        assert not len(persons)
        assert 'nobody was found' in persons.choice.reason
        is_valid(persons)


def test_ties_are_told(chooser):
    """Two equals: the same box, mask and score."""
    predict = chooser.model.predict

    def equals(*args, **kwargs):
        samples = predict(*args, **kwargs)
        for sample in samples:
            sample.pred_instances.scores[:] = .9
        return samples

    chooser.model.predict = equals
    persons, = chooser.predict(image(), prompt=Point(10, 10))
    assert len(persons) == 1 and persons.choice.tied == 1
    assert 'of equals the smallest' in persons.choice.reason


def test_a_list_of_prompts_goes_with_a_list_of_images(chooser):
    first, second = chooser.predict([image(), image()],
                                    batch_size=2,
                                    prompt=[Point(10, 10),
                                            Point(100, 80)])
    assert (len(first), len(second)) == (1, 0)
    both = chooser.predict([image(), image()], prompt=Point(10, 10))
    assert [len(persons) for persons in both] == [1, 1]
    for number in (1, 3):
        with pytest.raises(InputError, match=f'{number} prompts'):
            chooser.predict([image(), image()], prompt=[Point(1, 1)] * number)


def test_a_prompt_at_fault_costs_the_other_images_nothing(chooser):
    bad, good = chooser.predict([image(), image()],
                                prompt=[Point(121, 3),
                                        Point(10, 10)])
    assert 'outside of the image' in bad.error and len(good) == 1
    for prompt, words in ((Point(121, 3), 'outside of the image'),
                          (Text('a hat'), 'hat'), ('left', 'a prompt is')):
        with pytest.raises(InputError, match=words):
            chooser.predict(image(), prompt=prompt)


def test_words_on_what_the_model_lacks_say_so(chooser):
    predict = chooser.model.predict

    def without_ages(*args, **kwargs):
        samples = predict(*args, **kwargs)
        for sample in samples:
            del sample.pred_instances.ages
        return samples

    chooser.model.predict = without_ages
    persons, = chooser.predict(image(), prompt=Text('oldest'))
    assert not len(persons) and 'ages' in persons.choice.reason


def test_a_tracker_takes_no_prompt(chooser):
    with pytest.raises(InputError, match='tracker'):
        chooser.predict(image(), prompt=Point(1, 1), tracker=object())


def test_uniphd_answers_prompts_of_all_kinds(reader):
    prompts = [
        Text('left'),
        Point(20, 30),
        Scribble([[1, 2], [30, 40]]),
        Scribble([[5, 6]]),
        Text('word ' * 500)
    ]
    with pytest.warns(UserWarning, match='64 words'):
        together = reader.predict([image()] * 5, batch_size=5, prompt=prompts)
    for persons, prompt in zip(together, prompts):
        assert len(persons) == 1 and 'UniPHD' in persons.choice.reason
        assert persons[0].mask.shape == (90, 120)
        is_valid(persons)
        if prompt is not prompts[-1]:
            alone, = reader.predict(image(), prompt=prompt)
            np.testing.assert_allclose(
                alone[0].keypoints, persons[0].keypoints, atol=.05)


@pytest.mark.parametrize('prompt, words',
                         [(Point(121, 3), 'outside of the image'),
                          (Box(1, 2, 3, 4), 'Text, Point or Scribble'),
                          (None, 'needs a Text')])
def test_uniphd_refuses_what_it_cannot_read(reader, prompt, words):
    with pytest.raises(InputError, match=words):
        reader.predict(image(), prompt=prompt)
