"""The floor plan: who may import whom, and where each module's test lies."""
import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'mmhqnet'

# From the ground up. A room imports from itself and from the floors below it,
# never from its own floor or from above.
FLOORS = (
    ('collector', 'errors', 'stack', 'version'),
    ('compiled_operators', 'files', 'registry'),
    ('structures', 'ops', 'models.prediction_layers'),
    ('datasets.annotations', 'models.losses', 'models.layers'),
    ('datasets.transforms', 'models.matching', 'models.encoded_images',
     'models.backbones', 'models.necks', 'models.prompt_encoders'),
    ('datasets', 'models.pose_refiners', 'toy'),
    ('evaluation', 'models.task_heads', 'engine', 'visualization'),
    ('models.heads', 'models.crop_models'),
    ('models.detectors', ),
    ('models', ),
    ('checkpoints', 'testing', 'tracking'),
    ('utils', 'deployment'),
    ('apis', ),
    ('serving', '__main__'),
    # The entrance; nobody inside imports it by its own name.
    (
        '', ),
)

# Pure data or names, nothing that can break.
WITHOUT_TEST = ('version', 'utils.checkpoint')


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob('*.py')}


def imports(name):
    """Modules of the package that a module imports, also inside functions."""
    path = MODULES[name]
    package = name.split('.') if path.name == '__init__.py' else \
        name.split('.')[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ['mmhqnet', *filter(None, package)]
            above = above[:len(above) - node.level + 1] if node.level else []
            base = '.'.join([*above, *filter(None, [node.module])])
            # A name of the module, or a module of the package.
            found = [
                full if full.removeprefix('mmhqnet.') in MODULES else base
                for full in (f'{base}.{alias.name}' for alias in node.names)
            ]
        else:
            continue
        for full in found:
            if f'{full}.'.startswith('mmhqnet.'):
                yield full.removeprefix('mmhqnet').removeprefix('.')


def floor_and_room(name):
    rooms = {room: floor for floor, r in enumerate(FLOORS) for room in r}
    parts = name.split('.')
    for length in range(len(parts), 0, -1):
        room = '.'.join(parts[:length])
        if room in rooms:
            return rooms[room], room
    raise AssertionError(f'mmhqnet.{name} has no place in the floor plan')


@pytest.mark.parametrize('name', sorted(MODULES))
def test_imports_run_downwards(name):
    floor, room = floor_and_room(name)
    for imported in imports(name):
        other_floor, other_room = floor_and_room(imported)
        assert other_room == room or other_floor < floor, (
            f'mmhqnet.{name} imports mmhqnet.{imported}')


def test_there_are_no_circles():
    finished, path = set(), []

    def visit(name):
        if name in path:
            pytest.fail(' -> '.join([*path[path.index(name):], name]))
        if name in finished:
            return
        path.append(name)
        for imported in set(imports(name)):
            visit(imported)
        finished.add(path.pop())

    for name in MODULES:
        visit(name)


def has_test(name):
    *folders, file = name.split('.')
    return Path(ROOT, 'tests', *(f'test_{folder}' for folder in folders),
                f'test_{file}.py').is_file()


def test_every_module_has_its_test():
    without = {
        name
        for name, path in MODULES.items()
        if path.name != '__init__.py' and not has_test(name)
    }
    assert without == set(WITHOUT_TEST)


def test_the_rules_notice_what_they_forbid(monkeypatch, tmp_path):
    low = tmp_path / 'low.py'
    low.write_text('def f():\n    from mmhqnet.apis import HQNetInferencer\n'
                   '    from ..models.heads import hqnet_head\n'
                   '    import mmhqnet.engine\n'
                   '    from . import run_length_masks\n')
    monkeypatch.setitem(MODULES, 'structures.low', low)
    assert list(imports('structures.low')) == [
        'apis', 'models.heads.hqnet_head', 'engine',
        'structures.run_length_masks'
    ]
    with pytest.raises(AssertionError, match='low imports mmhqnet.apis'):
        test_imports_run_downwards('structures.low')
    high = tmp_path / 'high.py'
    high.write_text('import mmhqnet.structures.low')
    low.write_text('from mmhqnet.structures import high')
    monkeypatch.setitem(MODULES, 'structures.high', high)
    with pytest.raises(pytest.fail.Exception, match='structures.low -> '):
        test_there_are_no_circles()
