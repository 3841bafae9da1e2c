"""The tool that turns votes into labels: files in, files out, errors."""
import csv
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools/analysis_tools/attribute_votes.py'
MAIN = runpy.run_path(str(TOOL))['main']
HEADER = 'annotation_id,annotator,gender,age_group,age\n'
VOTES = HEADER + """\
7,mia,female,adult,31
7,tom,female,adult,30
7,kim,male,child,
7,ann,,,30
7,joe,,,31
7,bob,,,99
12,mia,male,,
12,tom,female,,
12,tom,,child,
"""


def run(tmp_path, votes=VOTES, out='labels.csv', *options):
    path = tmp_path / 'votes.csv'
    path.write_text(votes)
    MAIN([str(path), '--out', str(tmp_path / out), *options])
    return tmp_path / out


GROUPS = ('--age-groups', 'child', 'adult')


def test_csv(tmp_path, capsys):
    with open(run(tmp_path, VOTES, 'labels.csv', *GROUPS)) as file:
        seven, twelve = csv.DictReader(file)
    assert seven == dict(
        annotation_id='7',
        gender='1',
        age_group='adult',
        age='31',
        age_mean='30.5',
        age_votes='5',
        age_outliers='1')
    assert twelve['annotation_id'] == '12'
    assert twelve['gender'] == twelve['age'] == ''
    assert twelve['age_group'] == 'child'
    text = capsys.readouterr().out
    # Of 31 30 30 31 99 four are within 5 years of 30.5.
    assert 'Age-5 consistency: 80.0 %\n' in text
    assert 'gender           1 labels from 5 votes, 1 undecided' in text
    assert '1 outliers removed' in text


def test_json(tmp_path):
    rows = json.loads(run(tmp_path, VOTES, 'labels.json', *GROUPS).read_text())
    assert [row['annotation_id'] for row in rows] == [7, 12]
    assert rows[0]['age'] == 31 and rows[1]['age'] is None
    assert rows[1]['gender'] is None


def test_groups_as_numbers_and_missing_columns(tmp_path):
    votes = 'annotator,annotation_id,age_group\na,1,3\nb,1,0\nc,1,3\n'
    rows = json.loads(run(tmp_path, votes, 'labels.json').read_text())
    assert rows[0]['age_group'] == 3 and rows[0]['age'] is None


def test_no_votes_at_all(tmp_path, capsys):
    assert json.loads(run(tmp_path, HEADER, 'a.json').read_text()) == []
    assert run(tmp_path, HEADER, 'a.csv').read_text() == 'annotation_id\n'


@pytest.mark.parametrize('votes, message', [
    ('', 'line 1: columns are missing'),
    ('annotation_id,age\n', 'line 1: columns'),
    ('annotation_id,annotator\n', 'line 1: columns'),
    ('annotation_id,annotator,age,age\n', 'line 1: columns'),
    ('annotation_id,annotator,age,height\n', 'line 1: columns'),
    (HEADER + '1,a,male,0,20\n1,b,male\n', 'line 3: 3 columns'),
    (HEADER + 'x,a,male,0,20\n', "line 2: annotation_id is 'x'"),
    (HEADER + '1,,male,0,20\n', 'line 2, annotation 1: annotator is empty'),
    (HEADER + '1,a,man,0,20\n', "line 2, annotation 1: gender is 'man'"),
    (HEADER + '1,a,male,old,20\n', "line 2, annotation 1: age_group is 'old'"),
    (HEADER + f'1,a,male,{10**400},20\n', 'annotation 1: age_group is'),
    (HEADER + '1,a,male,-1,20\n', "line 2, annotation 1: age_group is '-1'"),
    (HEADER + '1,a,male,0,200\n', "line 2, annotation 1: age is '200'"),
    (HEADER + '1,a,male,0,nan\n', "line 2, annotation 1: age is 'nan'"),
    (HEADER + '1,a,male,0,20\n1,a,,,21\n',
     "line 3, annotation 1: annotator 'a' votes"),
    (HEADER + '1,a,"male,0,20\n', 'line 2: not CSV'),
    (HEADER + '1,a,male,0,20\n\n1,b,male,0,x\n', 'line 4, annotation 1: age'),
])
@pytest.mark.parametrize('out', ['labels.csv', 'labels.json'])
def test_malformed_votes(tmp_path, capsys, votes, message, out):
    (tmp_path / out).write_text('as it was')
    with pytest.raises(SystemExit) as error:
        run(tmp_path, votes, out)
    assert error.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert 'votes.csv' in lines[0]
    assert (tmp_path / out).read_text() == 'as it was'
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize('out, message', [
    ('labels.txt', '.csv or .json'),
    ('votes.csv/labels.csv', 'cannot write'),
])
def test_bad_output(tmp_path, capsys, out, message):
    with pytest.raises(SystemExit):
        run(tmp_path, VOTES, out, *GROUPS)
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ['votes.csv']


def test_unreadable_votes(tmp_path, capsys):
    out = str(tmp_path / 'a.csv')
    for content in (None, b'\xff\xfe\x00'):
        path = tmp_path / 'votes.csv'
        if content:
            path.write_bytes(content)
        with pytest.raises(SystemExit):
            MAIN([str(path), '--out', out])
        assert 'votes.csv' in capsys.readouterr().err


def test_help_does_not_import_torch():
    code = ('import runpy, sys\n'
            f'sys.argv = [{str(TOOL)!r}, "--help"]\n'
            'try:\n'
            '    runpy.run_path(sys.argv[0], run_name="__main__")\n'
            'finally:\n'
            '    assert "torch" not in sys.modules\n')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True)
    assert done.returncode == 0 and b'--age-groups' in done.stdout
