"""tools/analysis_tools/stream_costs.py on a few frames."""
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAIN = runpy.run_path(str(ROOT /
                          'tools/analysis_tools/stream_costs.py'))['main']
CONFIG = str(ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')


def test_numbers_of_a_short_stream(capsys):
    MAIN([
        CONFIG, '--frames', '6', '--size', '64', '64', '--score-thr', '0',
        '--json'
    ])
    # after what MMEngine says of the weights
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts['frames'] == 6 and facts['persons_per_frame'] == 30
    assert 0 < facts['model_ms'] and 0 < facts['stream_ms']
    # The stream does what the bare model does, and more.
    assert 0.05 < facts['speed_of_the_model'] < 2
    assert facts['memory_min'] <= facts['memory_end'] <= facts['memory_max']
    assert facts['memory_min'] > 50


@pytest.mark.fault
def test_bad_options(capsys):
    with pytest.raises(SystemExit) as end:
        MAIN([CONFIG, '--frames', '0'])
    assert end.value.code == 2
    assert '--frames 0: must be 1' in capsys.readouterr().err
