from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmhqnet.engine import PreviewHook
from mmhqnet.visualization import HumanLocalVisualizer


@pytest.fixture
def outputs(tmp_path):
    """Predictions for a wide and for a high photo; none in the third."""
    samples = []
    for number, size in enumerate([(40, 60), (60, 40), (40, 40)]):
        path = str(tmp_path / f'{number}.png')
        cv2.imwrite(path, np.zeros((*size, 3), dtype=np.uint8))
        persons = 0 if number == 2 else 1
        samples.append(
            DetDataSample(
                metainfo=dict(img_path=path),
                pred_instances=InstanceData(
                    bboxes=torch.tensor([[5., 5., 25., 30.]] * persons),
                    labels=torch.zeros(persons, dtype=torch.long),
                    scores=torch.ones(persons))))
    return samples


def test_picture_of_the_first_batch(tmp_path, monkeypatch, outputs, capsys):
    visualizer = HumanLocalVisualizer()
    monkeypatch.setattr(
        'mmhqnet.engine.preview_hook.Visualizer',
        SimpleNamespace(get_current_instance=lambda: visualizer))
    runner = SimpleNamespace(work_dir=str(tmp_path / 'work'), iter=30)
    hook = PreviewHook(num_images=3)
    hook.after_val_iter(runner, 0, None, outputs)
    hook.after_val_iter(runner, 1, None, outputs)
    file, = (tmp_path / 'work').rglob('*.*')
    assert file.name == 'step_000030.jpg'
    assert capsys.readouterr().err == f'picture {file}\n'
    picture = cv2.imread(str(file))
    assert picture.shape == (60, 140, 3)
    left, middle, right = picture[:40, :60], picture[:,
                                                     60:100], picture[4:36,
                                                                      104:136]
    assert left.max() > 50 and middle.max() > 50  # a box was drawn
    assert right.max() < 50
