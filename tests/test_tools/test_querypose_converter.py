"""The converter of QueryPose as a command-line tool."""
import json
import runpy
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools/model_converters/querypose_to_mmhqnet.py'
KEYS = ROOT / 'tests/data/parity/querypose/querypose_keys.json'
main = runpy.run_path(str(TOOL))['main']


@pytest.fixture
def released(tmp_path):
    """A checkpoint as detectron2 writes it; weights are ones."""
    keys = json.loads(KEYS.read_text())
    path = tmp_path / 'released.pth'
    torch.save(
        dict(
            model={key: torch.ones(1)
                   for key in keys['full']},
            iteration=90000,
            optimizer=dict(param_groups=[])), path)
    return path


def test_converts(released, tmp_path, capsys):
    out = tmp_path / 'ours/querypose.pth'
    main([str(released), str(out)])
    assert 'the full version' in capsys.readouterr().out
    weights = torch.load(out, weights_only=True)['state_dict']
    assert len(weights) == 928
    assert 'roi_head.pose_layers.5.parts.iteration.gates.weight' in weights


def test_other_checkpoints_are_refused(tmp_path, capsys):
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.ones(1)}), path)
    with pytest.raises(SystemExit) as error:
        main([str(path), str(tmp_path / 'out.pth')])
    assert error.value.code == 2
    assert 'not the weights of the released QueryPose' in capsys.readouterr(
    ).err
    assert not (tmp_path / 'out.pth').exists()
