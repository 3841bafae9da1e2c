"""Runs before anything imports torch."""
import ast
import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

# The tests' tensors are too small to gain from threads, which wait for each
# other on a busy machine. The tools that tests start inherit it.
os.environ.setdefault('OMP_NUM_THREADS', '1')

# Where mmcv has no compiled operators, mmdet can be imported after mmhqnet.
from mmhqnet.compiled_operators import has_compiled_operators  # noqa: E402


@pytest.fixture(autouse=True)
def mmdet_scope():
    """What a config says; without it a test depends on those before it."""
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet')


@pytest.fixture(scope='session', autouse=True)
def unformatted_configs():
    """MMEngine formats a run's config five times, a second each.

    What it prints and saves only looks different: it has to be Python still.
    """

    def parse(text, **options):
        ast.parse(text)
        return text, False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.config.FormatCode', parse)
        yield


def pytest_collection_modifyitems(items):
    """Skip what calls compiled operators where there are none."""
    if not has_compiled_operators():
        reason = 'mmcv has no compiled operators: make test-ops'
        for item in items:
            if item.get_closest_marker('ops'):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def photos():
    """Folder with 13 real photos and ``person_keypoints.json``."""
    return Path(__file__).parent / 'data' / 'coco_ccby'


class RunsCode:
    """Unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder), )


@pytest.fixture
def hostile(tmp_path):
    """What a hostile checkpoint holds; fails the test if it gets to run."""
    folder = tmp_path / 'executed'
    yield RunsCode(folder)
    assert not folder.exists()


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Saves a checkpoint and gives the address where it can be fetched."""
    import torch
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    folder = tmp_path / 'served'
    folder.mkdir()
    server = ThreadingHTTPServer(('127.0.0.1', 0),
                                 partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()

    def address(content, name='x.pth'):
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            torch.save(content, folder / name)
        return f'http://127.0.0.1:{server.server_port}/{name}'

    yield address
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


@pytest.fixture(scope='session')
def tiny_training(tmp_path_factory):
    """Config file and checkpoint of a tiny HQNet with masks and poses."""
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from mmhqnet.testing import build_model, tiny_config
    root = Path(__file__).parents[1]
    config = Config.fromfile(
        root / 'configs/hqnet'
        '/hqnet-lite-s_mobilenetv2_1xb4-40e_coco-person.py')
    config.model = tiny_config(('mask', 'pose'))
    for step in config.test_dataloader.dataset.pipeline:
        if step.type == 'HumanResize':
            step.scale = (96, 96)
    folder = tmp_path_factory.mktemp('training')
    config.dump(folder / 'tiny_1xb4_coco-person.py')
    init_default_scope('mmdet')
    weights = build_model(config.model, torch.float32).state_dict()
    torch.save(
        dict(meta=dict(iter=7), state_dict=weights), folder / 'iter_7.pth')
    return folder / 'tiny_1xb4_coco-person.py', folder / 'iter_7.pth'


@pytest.fixture
def shipped(tiny_training, tmp_path, monkeypatch):
    """A tiny model as the one that comes along; its file."""
    from mmengine.config import Config

    from mmhqnet.apis.shipping import ship
    from mmhqnet.checkpoints import shipped as room
    config, checkpoint = tiny_training
    monkeypatch.setattr(room, 'FOLDER', tmp_path / 'weights')
    return ship(
        Config.fromfile(config), str(checkpoint), tmp_path / 'weights', 'tiny',
        dict(data='drawings', licence='free'))
