"""Every tool says in one line that a config is missing or broken."""
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = [
    'analysis_tools/browse_dataset.py CONFIG --out-dir out',
    'analysis_tools/compare_trackers.py CONFIG --detector x.pth',
    'analysis_tools/count_parameters.py CONFIG',
    'analysis_tools/draw_architecture.py CONFIG --out x.png',
    'analysis_tools/draw_querypose.py CONFIG --out x.png',
    'analysis_tools/full_size.py PHOTO CONFIG',
    'analysis_tools/info.py CONFIG',
    'analysis_tools/model_costs.py CONFIG',
    'analysis_tools/show_attention.py PHOTO --config CONFIG --checkpoint x.pth'
    ' --out x.png',
    'analysis_tools/stream_costs.py CONFIG',
    'dataset_converters/check_annotations.py x.json --person-fields CONFIG',
    'eval_results.py x.json --results x.json --person-fields CONFIG',
    'image_demo.py PHOTO --config CONFIG --checkpoint x.pth --out-dir out',
    'photo_sheet.py PHOTO --config CONFIG --checkpoint x.pth --out x.jpg',
    'predict.py PHOTO --config CONFIG --checkpoint x.pth --out out',
    'prompt_demo.py PHOTO CONFIG x.pth --text child --out x.jpg',
    'ship_model.py x.pth --config CONFIG --out-dir out',
    'test.py CONFIG x.pth',
    'test_prompts.py x.json . --config CONFIG --checkpoint x.pth',
    'test_tracking.py CONFIG --detector x.pth',
    'track.py PHOTO --tracker CONFIG --out out',
    'train.py CONFIG',
]


@pytest.mark.fault
@pytest.mark.parametrize('command', TOOLS)
def test_in_one_line(command, photos, tmp_path, monkeypatch, capsys):
    tool, *arguments = command.split()
    path = ROOT / 'tools' / tool
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(path.parent))  # as for a script
    main = runpy.run_path(str(path))['main']
    photo = photos / 'images/000000000785.jpg'
    for text in None, 'model = dict(':
        config = tmp_path / 'mine.py'
        if text:
            config.write_text(text)
        with pytest.raises(SystemExit) as end:
            main([
                str(dict(CONFIG=config, PHOTO=photo).get(argument, argument))
                for argument in arguments
            ])
        assert end.value.code == 2
        *_, error = capsys.readouterr().err.splitlines()
        reason = 'cannot be read: ' if text else 'does not exist'
        assert error.startswith('error: config ')
        assert f'{config} {reason}' in error
    assert set(tmp_path.iterdir()) <= {config}
