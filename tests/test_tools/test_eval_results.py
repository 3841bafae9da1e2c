"""The tool that evaluates result files."""
import json
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools/eval_results.py'
MAIN = runpy.run_path(str(TOOL))['main']

ANNOTATIONS = dict(
    images=[dict(id=1, height=200, width=300)],
    categories=[dict(id=1, name='person')],
    annotations=[
        dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 100, 100], age=30),
        dict(id=2, image_id=1, category_id=1, bbox=[150, 0, 100, 100])
    ])


def result(x, score, age):
    return dict(
        image_id=1, category_id=1, bbox=[x, 0, 100, 100], score=score, age=age)


RESULTS = [result(150, .9, 36), result(0, .8, 36)]


@pytest.fixture
def files(tmp_path):
    ground_truth = tmp_path / 'val.json'
    ground_truth.write_text(json.dumps(ANNOTATIONS))
    for kind in ('bbox', 'attributes'):
        path = tmp_path / f'results.{kind}.json'
        path.write_text(json.dumps(RESULTS))
    return [str(ground_truth), '--results', str(tmp_path / 'results')]


def evaluate(files, tmp_path, *options):
    out = tmp_path / 'ap.json'
    MAIN([*files, '--json', str(out), *options])
    return json.loads(out.read_text())


def test_all_that_the_files_have(files, tmp_path, capsys):
    values = evaluate(files, tmp_path)
    assert values['box_AP'] == pytest.approx(1)
    # The person of unknown age comes first and is a false positive.
    assert values['age_AP'] == pytest.approx(1 / 2)
    assert not any(key.startswith(('mask', 'gender')) for key in values)
    table = capsys.readouterr().out
    assert '| box  | 1.0000 |' in table and '| age  | 0.5000 |' in table


def test_options(files, tmp_path):
    values = evaluate(files, tmp_path, '--metric', 'age', '--protocol',
                      'ignore_unlabelled', '--age-error', '5', '10',
                      '--standard-only')
    assert values['age_ignore_unlabelled_AP'] == pytest.approx(1)
    assert values['age5_ignore_unlabelled_AP'] == 0
    assert all(key.startswith('age') for key in values)
    assert not any('no_small' in key for key in values)


def test_labels_of_ones_own(files, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("person_fields = dict(height=dict(type='number', "
                      'error=5))')
    truth = json.loads(json.dumps(ANNOTATIONS))
    truth['annotations'][0]['height'] = 170
    (tmp_path / 'val.json').write_text(json.dumps(truth))
    results = [dict(result, height=174) for result in RESULTS]
    (tmp_path / 'results.attributes.json').write_text(json.dumps(results))
    values = evaluate(files, tmp_path, '--person-fields', str(config),
                      '--protocol', 'ignore_unlabelled')
    assert values['height_ignore_unlabelled_AP'] == pytest.approx(1)


@pytest.mark.parametrize('backend', ['faster_coco_eval', 'hotcoco'])
def test_backend(files, tmp_path, backend):
    pytest.importorskip(backend, reason=f'{backend} is not installed')
    assert evaluate(files, tmp_path, '--backend',
                    backend) == evaluate(files, tmp_path)


@pytest.mark.parametrize('options, message', [
    (['--metric', 'bbox'], 'choose from box, mask, pose, gender, age'),
    (['--metric', 'mask'], 'there are no segm results'),
    (['--protocol', 'fair'], 'choose from official, ignore_unlabelled'),
    (['--category', 'face'], "a category named 'face'"),
    (['--keypoints', 'octopus'], 'octopus'),
    (['--json', '/nowhere/ap.json'], '--json /nowhere/ap.json: No such file'),
])
def test_errors_take_one_line(files, options, message, capsys):
    with pytest.raises(SystemExit) as exit:
        MAIN(files + options)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1


def test_malformed_ground_truth(files, tmp_path, capsys):
    broken = json.loads(json.dumps(ANNOTATIONS))
    broken['annotations'][1]['age'] = 300
    (tmp_path / 'val.json').write_text(json.dumps(broken))
    with pytest.raises(SystemExit):
        MAIN(files)
    assert "val.json: annotation 2: 'age'" in capsys.readouterr().err


def test_help_answers_at_once():
    start = time.perf_counter()
    help = subprocess.run([sys.executable, str(TOOL), '--help'],
                          capture_output=True,
                          text=True,
                          check=True).stdout
    assert '--protocol' in help
    # It takes a tenth of that; a machine under load may take longer.
    assert time.perf_counter() - start < 2
