"""The table of costs, and the budgets of HQNet-Lite."""
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
CONFIGS = ROOT / 'configs/hqnet'


@pytest.fixture
def main(monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(FOLDER), *sys.path])
    return runpy.run_path(str(FOLDER / 'model_costs.py'))['main']


def numbers(main, capsys, *arguments):
    main([str(argument) for argument in arguments])
    _, _, *rows = (
        line for line in capsys.readouterr().out.splitlines()
        if line.startswith('|'))
    return {
        name: [float(cell) for cell in cells]
        for name, *cells in (row.strip('| ').split(' | ') for row in rows)
    }


def test_lite_is_within_its_budget(main, capsys):
    """All five tasks, 20 persons, 640 x 640 pixels."""
    budgets = {
        'hqnet-lite-s_mobilenetv2_16xb1-100e_coco-unihuman': 16,
        'hqnet-lite-m_r18_16xb1-100e_coco-unihuman': 40
    }
    table = numbers(main, capsys,
                    *(CONFIGS / f'{name}.py' for name in budgets))
    for name, budget in budgets.items():
        _, backbone, neck, everything = table[name]
        assert 0 < backbone + neck < everything <= budget
    # What is known of the backbones: 0.30 and 1.81 GMAC at 224 x 224.
    area = (640 / 224)**2
    assert [row[1] / area
            for row in table.values()] == pytest.approx([0.30, 1.81], rel=0.05)


def test_persons_and_pixels_cost(main, capsys):
    config = CONFIGS / 'hqnet-lite-s_mobilenetv2_16xb1-100e_coco-unihuman.py'
    (few, ), (many, ), (large, ) = (numbers(main, capsys, config, '--size',
                                            size, size, '--persons',
                                            persons).values()
                                    for size, persons in ((128, 1), (128, 100),
                                                          (256, 1)))
    assert few[3] < many[3] and few[:3] == many[:3]
    assert few[0] == large[0] and few[3] < large[3]
