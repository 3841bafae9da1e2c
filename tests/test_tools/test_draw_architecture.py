"""The figure of the method page follows the config."""
import importlib.util
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/analysis_tools/draw_architecture.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('draw_architecture', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_draws_the_tasks_that_are_on(tool, tmp_path):
    model = dict(
        num_queries=30,
        backbone=dict(type='ResNet', depth=18),
        neck=dict(num_outs=5),
        encoder=dict(num_layers=2),
        decoder=dict(num_layers=3),
        bbox_head=dict(
            task_heads=dict(
                mask=dict(type='MaskHead'),
                pose=None,
                age=dict(type='AgeHead'))))
    path = tmp_path / 'figure.png'
    assert tool.draw(model, path) == ['mask', 'age']
    assert cv2.imread(str(path)).std() > 5


def test_other_configs_are_refused_in_one_line(tool, tmp_path, capsys):
    config = tmp_path / 'other.py'
    config.write_text("model = dict(type='FasterRCNN')\n")
    with pytest.raises(SystemExit) as stop:
        tool.main([str(config), '--out', str(tmp_path / 'figure.png')])
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert 'other.py' in message and len(message.splitlines()) == 1
