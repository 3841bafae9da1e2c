"""The table of the paper's tables, and what the pages show."""
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/hqnet'
PAGE = (ROOT / 'docs/evaluation.md').read_text()
TABLE = PAGE.split('## The paper')[1].split('\n## ')[0]


def test_every_command_names_a_config():
    commands = re.findall(r'tools/test\.py (\$[BC])/(\S+\.py) CHECKPOINT',
                          TABLE)
    assert len(commands) == len(set(commands)) >= 19
    folders = {'$C': CONFIGS, '$B': CONFIGS.with_name('baselines')}
    for folder, command in commands:
        assert (folders[folder] / command).is_file()
        assert f'`{command[:-3]}`' in TABLE  # the column before


def test_every_config_is_on_the_page_and_in_the_model_index():
    models = yaml.safe_load((CONFIGS / 'metafile.yml').read_text())['Models']
    names = {path.stem for path in CONFIGS.glob('*.py')}
    assert {model['Name'] for model in models} == names
    for name in names:
        assert 'toy' in name or f'`{name}`' in TABLE


def test_every_baseline_is_on_the_page():
    section = PAGE.split('\n## Baselines')[1].split('\n## ')[0]
    for path in CONFIGS.with_name('baselines').glob('*.py'):
        assert 'toy' in path.stem or f'`{path.stem}`' in TABLE + section


def test_example_of_attribute_ap():
    code, = (
        block for block in re.findall(r'^```python\n(.*?)^```$', PAGE, re.M
                                      | re.S) if 'attribute_ap' in block)
    namespace = {}
    exec(code, namespace)
    calls = re.findall(r'^(attribute_ap.*)  # (.*)$', code, re.M)
    assert len(calls) == 2
    for call, expected in calls:
        assert eval(call, namespace) == pytest.approx(float(expected))


def test_links_between_the_pages():
    for page in ('evaluation.md', 'datasets.md'):
        text = (ROOT / 'docs' / page).read_text()
        for anchor in re.findall(r'\]\(#([\w-]+)\)', text):
            headings = re.findall(r'^#+ (.*)$', text, re.M)
            assert anchor in [h.lower().replace(' ', '-') for h in headings]
