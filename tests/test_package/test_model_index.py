"""MIM and MMEngine find configs by the model index and by base name."""
from collections import Counter

import pytest
import yaml
from mmengine.config import Config

import mmhqnet  # noqa: F401


@pytest.fixture(scope='module')
def metafiles(root):
    index = yaml.safe_load((root / 'model-index.yml').read_text())
    return [
        yaml.safe_load((root / path).read_text()) for path in index['Import']
    ]


def configs(root):
    return sorted((root / 'configs').rglob('*.py'))


def test_base_names_are_unique(root):
    """MIM looks for the base name in the whole package."""
    names = Counter(path.name for path in configs(root))
    assert [name for name, count in names.items() if count > 1] == []
    modules = {
        path.name
        for path in (root / 'mmhqnet').rglob('*.py')
        if '.mim' not in path.parts
    }
    for path in configs(root):
        assert '_base_' in path.parts or path.name not in modules


def test_every_metafile_is_indexed(root):
    index = yaml.safe_load((root / 'model-index.yml').read_text())
    assert set(index['Import']) == {
        str(path.relative_to(root))
        for path in (root / 'configs').rglob('metafile.yml')
    }


def test_metafiles_name_configs_that_exist(root, metafiles):
    for metafile in metafiles:
        collections = {entry['Name'] for entry in metafile['Collections']}
        for model in metafile['Models']:
            assert (root / model['Config']).is_file()
            assert model['Name'] == model['Config'].split('/')[-1][:-3]
            assert model['In Collection'] in collections


def test_every_config_of_a_model_is_in_a_metafile(root, metafiles):
    known = {
        model['Config']
        for metafile in metafiles
        for model in metafile['Models']
    }
    assert known == {
        str(path.relative_to(root))
        for path in configs(root) if '_base_' not in path.parts
    }


def test_no_weights_and_no_results_of_ours_are_claimed(metafiles):
    """What was not trained has no checkpoint; figures are quoted as such."""
    for metafile in metafiles:
        for model in metafile['Models']:
            assert set(model) == {
                'Name', 'In Collection', 'Config', 'Metadata'
            }
            assert set(model['Metadata']) <= {
                'Epochs', 'Iterations', 'Training Data', 'Training Resources',
                'Figures of the paper'
            }


def test_every_config_loads_and_needs_no_other_package(root):
    for path in configs(root):
        text = path.read_text()
        assert 'mmdet::' not in text and "'torchvision://" not in text
        Config.fromfile(path)


def test_every_model_config_imports_the_package(root):
    """mmdet's own tools read our configs, too."""
    for path in configs(root):
        config = Config.fromfile(path)
        if '_base_' not in path.parts and 'model' in config:
            assert 'mmhqnet' in config.custom_imports.imports
            assert config.default_scope == 'mmdet'
