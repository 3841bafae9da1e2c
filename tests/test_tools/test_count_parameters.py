"""Parameters of the released layout and of the paper's, and the docs."""
import re
import runpy
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmhqnet.models  # noqa: F401

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / 'tools/analysis_tools/count_parameters.py'))
MAIN = ROOT / 'configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'
SHARED = ROOT / 'configs/hqnet/hqnet_r50-shared_16xb1-100e_coco-unihuman.py'
PAGE = (ROOT / 'docs/parameters.md').read_text()


def model_cfg(file):
    init_default_scope('mmdet')
    return Config.fromfile(file).model


@pytest.fixture(scope='module')
def tables():
    """What the docs show: by part, by task, by task of the shared layout."""
    return (TOOL['count_by_part'](model_cfg(MAIN)),
            TOOL['count_by_task'](model_cfg(MAIN)),
            TOOL['count_by_task'](model_cfg(SHARED)))


def test_released_layout(tables):
    counts = tables[0]
    assert tables[1]['+ age'] == counts['**total**']
    parts = {name.strip('`*'): row for name, row in counts.items()}
    total = parts.pop('total')
    assert total[0] == 57_434_407
    assert total[0] - total[1] == 53_120  # scales and shifts of the ResNet
    assert total[1] - total[2] == 222_400  # its first stage
    assert total[3] == 51_381_211
    assert [sum(column) for column in zip(*parts.values())] == total

    for name, expected in {
            'backbone': 23_508_032,
            'encoder': 7_693_056,
            'decoder': 9_472_768,
            'pixel_embedding': 722_176,
            'bbox_head.cls_branches': 7 * 257,
            'bbox_head.reg_branches': 7 * 132_612,
            'bbox_head.task_heads.mask.mask_branches': 7 * 197_376,
            'bbox_head.task_heads.pose.kpt_branches': 7 * 674_338,
            'bbox_head.task_heads.pose.heatmap': 682_848 + 4_369,
    }.items():
        assert parts[name][0] == expected, name
    used = {name: row[3] for name, row in parts.items()}
    assert used['bbox_head.task_heads.pose.heatmap'] == 0
    assert used['dn_query_generator'] == 0
    assert used['bbox_head.cls_branches'] == 2 * 257
    assert used['bbox_head.reg_branches'] == 7 * 132_612
    assert used['bbox_head.task_heads.mask.mask_branches'] == 197_376


def test_layout_of_the_paper(tables):
    counts = tables[2]
    assert list(counts) == ['box', '+ mask', '+ pose', '+ gender', '+ age']
    columns = list(
        zip(*(counts[name] for name in ('box', '+ mask', '+ pose', '+ age'))))
    millions = [[round(n / 1e6, 2) for n in column] for column in columns]
    assert millions[0] == [47.39, 48.37, 52.05, 52.2]
    assert millions[1] == [47.33, 48.32, 51.99, 52.15]
    # The row of the docs next to the paper's.
    for numbers in millions[:2]:
        assert ' | '.join(f'{n:.2f}' for n in numbers) in PAGE


def test_docs_show_what_the_tool_prints(tables):
    shown = re.findall(
        r'^```bash\npython tools/analysis_tools/count_parameters\.py (.*?)'
        r'^```\n\n(.*?)\n\n', PAGE, re.M | re.S)
    commands = [(MAIN, False), (MAIN, True), (SHARED, True)]
    for command, counts, (arguments, table) in zip(commands, tables, shown):
        args = TOOL['parse_args'](shlex.split(arguments.replace('\\\n', '')))
        assert (ROOT / args.config, args.by_task) == command
        head = 'tasks' if args.by_task else 'part'
        assert table == TOOL['table'](counts, head)
    assert len(shown) == 3


def test_switched_off_tasks_are_not_counted(tables, capsys):
    off = [
        f'model.bbox_head.task_heads.{task}=None'
        for task in ('mask', 'gender', 'age')
    ]
    TOOL['main']([str(SHARED), '--by-task', '--cfg-options', *off])
    _, _, box, pose = capsys.readouterr().out.splitlines()
    assert box.startswith('| box | 47,386,467 |')
    # A pose needs no stride-4 map.
    added = tables[2]['+ pose'][0] - tables[2]['+ mask'][0]
    assert pose.startswith(f'| + pose | {47_386_467 + added:,} |')


def test_missing_config(capsys):
    with pytest.raises(SystemExit, match='2'):
        TOOL['main'](['none.py'])
    assert 'config none.py does not exist' in capsys.readouterr().err
