import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.detectors import BaseDetector
from mmengine.structures import InstanceData

from mmhqnet.registry import MODELS

TOOL = Path(__file__).parents[2] / 'tools' / 'image_demo.py'

CONFIG = '''
model = dict(
    type='OnePersonDetector',
    data_preprocessor=dict(type='DetDataPreprocessor'))
test_dataloader = dict(
    dataset=dict(
        type='CocoUniHumanDataset',
        ann_file='none.json',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadHumanAnnotations'),
            dict(type='PackHumanInputs')
        ]))
visualizer = dict(type='HumanLocalVisualizer')
'''


@MODELS.register_module()
class OnePersonDetector(BaseDetector):
    """Finds the same person in every image; its one weight is the age."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.age = torch.nn.Parameter(torch.zeros(1))

    def predict(self, inputs, samples, rescale=True):
        for sample in samples:
            sample.pred_instances = InstanceData(
                bboxes=torch.tensor([[2., 2., 30., 30.]]),
                labels=torch.zeros(1, dtype=torch.long),
                scores=torch.tensor([0.5]),
                ages=self.age.detach())
        return samples

    def loss(self, inputs, samples):
        raise NotImplementedError

    _forward = extract_feat = loss


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """The current folder: config, checkpoint, three images, a text file."""
    monkeypatch.chdir(tmp_path)
    Path('config.py').write_text(CONFIG)
    torch.save(dict(state_dict=dict(age=torch.tensor([44.]))), 'model.pth')
    for name in 'abc':
        cv2.imwrite(f'{name}.png', np.full((60, 80, 3), 200, np.uint8))
    Path('text.jpg').write_text('no image')


@pytest.fixture
def run(workspace, capsys):
    """Calls the tool; returns exit status, stdout and stderr."""
    spec = importlib.util.spec_from_file_location('image_demo', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def call(*images, config='config.py', checkpoint='model.pth', extra=()):
        capsys.readouterr()
        status = 0
        try:
            tool.main([
                *images, '--config', config, '--checkpoint', checkpoint,
                '--out-dir', 'out', '--device', 'cpu', *extra
            ])
        except SystemExit as stop:
            status = stop.code
        return (status, *capsys.readouterr())

    return call


def error_line(status, out, err):
    """The one line on stderr that is for people."""
    assert status not in (0, None)
    line = err.rstrip('\n').splitlines()[-1]
    assert line.startswith('error: ')
    return line


def test_picture_and_json_for_each_image(run):
    status, out, _ = run('a.png', 'b.png')
    assert status == 0 and '2 images' in out
    for name in 'ab':
        prediction = json.loads(Path(f'out/preds/{name}.json').read_text())
        assert prediction['ages'] == [44]
        picture = cv2.imread(f'out/vis/{name}.png')
        assert picture.shape == (60, 80, 3) and (picture != 200).any()


def test_score_threshold_is_for_the_picture_only(run):
    assert run('a.png', extra=['--score-thr', '0.6'])[0] == 0
    assert (cv2.imread('out/vis/a.png') == 200).all()
    prediction = json.loads(Path('out/preds/a.json').read_text())
    assert prediction['scores'] == [0.5]


@pytest.mark.fault
def test_bad_images_are_named_and_the_others_done(run):
    line = error_line(*run('a.png', 'text.jpg', 'none.jpg', 'c.png'))
    assert 'text.jpg' in line and 'none.jpg' in line and 'a.png' not in line
    for name in 'ac':
        assert Path(f'out/preds/{name}.json').is_file()
        assert Path(f'out/vis/{name}.png').is_file()


@pytest.mark.fault
@pytest.mark.parametrize('arguments, expected', [
    (dict(config='none.py'), 'none.py'),
    (dict(checkpoint='none.pth'), 'none.pth'),
    (dict(checkpoint='text.jpg'), 'text.jpg'),
])
def test_unusable_files_are_named(run, arguments, expected):
    assert expected in error_line(*run('a.png', **arguments))
    assert not Path('out').exists()


@pytest.mark.fault
def test_checkpoint_of_another_architecture(run):
    torch.save(dict(state_dict=dict(weight=torch.ones(3))), 'other.pth')
    line = error_line(*run('a.png', checkpoint='other.pth'))
    assert 'other.pth' in line and 'architecture' in line


@pytest.mark.fault
def test_a_process_ends_in_one_line(workspace):
    result = subprocess.run([
        sys.executable, TOOL, 'a.png', '--config', 'none.py', '--checkpoint',
        'model.pth', '--out-dir', 'out'
    ],
                            capture_output=True,
                            text=True)
    line = error_line(result.returncode, result.stdout, result.stderr)
    assert 'none.py' in line and 'Traceback' not in result.stderr


def test_help_answers_at_once():
    start = time.perf_counter()
    result = subprocess.run([sys.executable, TOOL, '--help'],
                            capture_output=True,
                            text=True,
                            check=True)
    assert time.perf_counter() - start < 1
    assert '--score-thr' in result.stdout
