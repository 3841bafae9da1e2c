import json

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmhqnet.datasets import RefHumanDataset
from mmhqnet.datasets.annotations.referring import add_prompts
from mmhqnet.errors import InputError
from mmhqnet.structures import Point, Scribble, Text
from mmhqnet.toy import draw_scene
from mmhqnet.toy.prompts import captions_of_file

RESIZE = [
    dict(type='LoadImageFromFile'),
    dict(type='SamplePrompt', random=False),
    dict(type='RefResize', scale=(96, 96), keep_ratio=True),
    dict(type='LoadHumanAnnotations'),
    dict(
        type='PackRefInputs',
        meta_keys=('img_id', 'ori_shape', 'img_shape', 'scale_factor', 'flip'))
]


@pytest.fixture(autouse=True)
def mmdet_scope():
    init_default_scope('mmdet')


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    """Two drawn pictures and their samples, in a folder."""
    folder = tmp_path_factory.mktemp('toy')
    images, annotations = [], []
    for number in (1, 2):
        picture, people = draw_scene(np.random.default_rng(number), 64, 64)
        cv2.imwrite(str(folder / f'{number}.png'), picture)
        images.append(
            dict(id=number, file_name=f'{number}.png', height=64, width=64))
        annotations += [
            dict(id=len(annotations) + index + 1, image_id=number, **person)
            for index, person in enumerate(people)
        ]
    content = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='person')])
    return folder, add_prompts(content, captions_of_file(content))


@pytest.fixture
def make(content, tmp_path):
    """Make the data set, of changed samples."""

    def make(change=lambda samples: None, pipeline=RESIZE, **kwargs):
        folder, samples = content
        samples = json.loads(json.dumps(samples))
        change(samples)
        (tmp_path / 'ref.json').write_text(json.dumps(samples))
        return RefHumanDataset(
            ann_file=str(tmp_path / 'ref.json'),
            data_prefix=dict(img=f'{folder}/'),
            pipeline=pipeline,
            **kwargs)

    return make


def test_in_testing_every_kind_once_and_always_the_same(make, content):
    dataset = make(test_mode=True)
    assert len(dataset) == 3 * len(content[1]['images'])
    for index, kind in enumerate((Text, Point, Scribble)):
        prompt = dataset[index]['data_samples'].prompt
        assert isinstance(prompt, kind)
        assert prompt == dataset[index]['data_samples'].prompt
    annotation = content[1]['annotations'][0]
    first = np.reshape(annotation['scribble'], (5, 12, 2))[0]
    # The network's input has 96 instead of 64 pixels.
    np.testing.assert_allclose(dataset[1]['data_samples'].prompt.points[0],
                               first[5] * 1.5)
    np.testing.assert_allclose(dataset[2]['data_samples'].prompt.points,
                               first * 1.5)
    sample = dataset[0]['data_samples']
    assert sample.prompt.caption == content[1]['images'][0]['caption']
    assert len(sample.gt_instances) == 1
    assert sample.gt_instances.masks.to_ndarray().shape == (1, 64, 64)


def test_only_the_wanted_kinds(make):
    dataset = make(test_mode=True, kinds='point')
    assert {
        type(dataset[index]['data_samples'].prompt)
        for index in range(len(dataset))
    } == {Point}


def test_in_training_kinds_are_drawn(make):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadHumanAnnotations'),
        dict(type='SamplePrompt'),
        dict(type='PackRefInputs', meta_keys=('img_id', ))
    ]
    np.random.seed(0)
    dataset = make(pipeline=pipeline)
    kinds = [type(dataset[0]['data_samples'].prompt) for _ in range(60)]
    assert 20 < kinds.count(Text) < 40
    assert min(kinds.count(Point), kinds.count(Scribble)) > 5


def test_samples_that_ask_for_nothing_are_left_out(make, content):
    number = len(content[1]['images'])

    def change(samples):
        del samples['images'][0]['caption']
        samples['images'][1]['caption'] = '  '
        samples['annotations'][0]['scribble'] = []
        del samples['annotations'][2]

    for test_mode in (False, True):
        dataset = make(change, kinds=('text', ), test_mode=test_mode)
        assert len(dataset) == number - 3


@pytest.mark.parametrize('change, message', [
    (lambda samples: samples['annotations'][0].update(scribble=[1, 2, 3]),
     'annotation 1: scribble'),
    (lambda samples: samples['annotations'][0].update(scribble=['a'] * 24),
     'annotation 1: scribble'),
    (lambda samples: samples['annotations'][1].update(image_id=1),
     'make_prompts'),
    (lambda samples: [image.pop('caption')
                      for image in samples['images']], 'no sample has'),
])
def test_files_at_fault_are_named(make, change, message):
    with pytest.raises(InputError, match=message) as error:
        make(change, kinds=('text', ))
    assert 'ref.json' in str(error.value)


def test_unknown_kinds_are_refused(make):
    with pytest.raises(InputError, match='circle'):
        make(kinds='circle')
