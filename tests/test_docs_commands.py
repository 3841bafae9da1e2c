"""What the pages show is run: every command, every piece of Python.

A page is run from its top to its end in a folder that has the files which it
names: small pictures, a film of six frames, and small models under the names
of the big ones. ``NOT_RUN`` lists what cannot be run, and why.
"""
import json
import pickle
import re
import runpy
import shutil
import subprocess
import textwrap
from collections import OrderedDict
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope, init_default_scope

from mmhqnet.__main__ import COMMANDS, main
from mmhqnet.checkpoints import shipped
from mmhqnet.datasets.annotations.mot_files import parse_tracks
from mmhqnet.testing import (build_model, draw_data_set, tiny_config,
                             tiny_uniphd_config)
from mmhqnet.toy.clip import draw_clip
from mmhqnet.toy.videos import write_videos
from mmhqnet.visualization import HumanLocalVisualizer

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    'README.md', 'docs/getting_started.md', 'docs/command_line.md',
    'docs/inference.md', 'docs/tracking.md', 'docs/results.md',
    'docs/uniphd.md'
]
FRAMES = 6

# Beginnings of commands that no test can run, and why. Those of our own tools
# must still have the options that are shown.
UNIPHD = 'configs/uniphd/uniphd_swin-t_4xb4-20e_refhuman.py'
PANNED = 'configs/tracking/hqnet_toy_r18_1xb4_panned-photos.py'
NOT_RUN = {
    'make demo':
    'trains for minutes; see tests/test_tools/test_demo.py',
    'make test':
    'is the run of these tests',
    'pip ':
    'needs a package index',
    'mim train':
    'needs the package installed; see tests/test_package',
    'bash tools/dist_train.sh':
    'needs eight GPUs',
    'python tools/model_converters/':
    'needs weights of others; the tests of the converters make some up',
    f'python tools/train.py {UNIPHD}':
    'needs RefHuman and RoBERTa',
    f'python tools/test.py {UNIPHD}':
    'needs RefHuman and RoBERTa',
    f'python tools/train.py {PANNED}':
    'trains for an hour; tests/test_overfit.py takes a step',
    'python tools/analysis_tools/compare_trackers.py configs/tracking/'
    f'hqnet_toy_r18_human-queries_toy-videos.py --detector-config {PANNED}':
    'needs what was trained so',
}

# Beginnings of commands that work for minutes, and what shortens them.
TOY = '--num-train 4 --num-val 2 --image-size 64 64'
SHORTER = {
    'mmhqnet toy ':
    TOY,
    'python tools/dataset_converters/make_toy_unihuman.py ':
    TOY,
    'python tools/analysis_tools/stream_costs.py ':
    '--frames 8 --size 64 64',
    'python tools/dataset_converters/make_toy_videos.py ':
    '--num-videos 1 --num-frames 3 --image-size 96 64',
    'python tools/train.py configs/hqnet/hqnet_r50_16xb1-100e_coco-unihuman.py'
    '':
    '--cfg-options train_cfg.max_epochs=1',
}


def blocks_of(text):
    """Language and text of each block of a page.

    No command may hide in a block of another name.
    """
    blocks = [(language, textwrap.dedent(block))
              for _, language, block in re.findall(
                  r'^( *)```([^\n]*)\n(.*?)^\1```$', text, re.M | re.S)]
    assert text.count('```') == 2 * len(blocks)
    for language, block in blocks:
        assert language in ('bash', 'python', 'json', 'bibtex', '')
        assert language or not re.search(r'\b(mmhqnet|python|pip) \S', block)
    return blocks


# Stands in for a program: its words, an empty one, and its standard input.
PROGRAMS = ('mmhqnet', 'python', 'pip', 'mim', 'make', 'bash')
RECORDER = ''.join(
    f"{program}() {{ printf '%s\\0' {program} \"$@\" ''; cat; }}\n"
    for program in PROGRAMS)


def commands_of(block, folder):
    """Words and standard input of each command, as bash understands them.

    A line is read when those before have been run. Programs are ``PROGRAMS``,
    ``ls`` and ``cat``; any other is an error.
    """
    bash = shutil.which('bash')
    assigned = ''
    for line in block.replace('\\\n', ' ').splitlines():
        done = subprocess.run([bash, '-c', f'{RECORDER}{assigned}{line}'],
                              cwd=folder,
                              env=dict(PATH=str(folder / 'bin')),
                              stdin=subprocess.DEVNULL,
                              capture_output=True,
                              text=True)
        assert done.returncode == 0, f'{line}\n{done.stderr}'
        words, is_run, given = done.stdout.partition('\0\0')
        if is_run:
            yield words.split('\0'), given
        else:
            assert re.match(r'#|[A-Z]+=|$', line), f'not run: {line}'
            assigned += f'{line}\n'


def beginning(command, table):
    """Key of the table that a command begins with, or None."""
    return next(filter(command.startswith, table), None)


def tool_of(words):
    """Path of the tool that a command calls, and the arguments; or None."""
    program, name, *arguments = words
    if program == 'mmhqnet':
        return f'tools/{COMMANDS[name].tool}', arguments
    return (name, arguments) if program == 'python' else None


@pytest.fixture(scope='module')
def workplace(tmp_path_factory):
    """A folder with all files that the pages name."""
    folder = tmp_path_factory.mktemp('docs') / 'workplace'
    shutil.copytree(ROOT / 'configs', folder / 'configs')
    (folder / 'bin').mkdir()
    (folder / 'tests').mkdir()
    (folder / 'tests/data').symlink_to(ROOT / 'tests/data')
    for program in ('ls', 'cat'):
        (folder / 'bin' / program).symlink_to(shutil.which(program))
    write_models(folder)
    write_pictures(folder)
    write_data_sets(folder)
    return folder


def write_models(folder):
    """A tiny HQNet, for which everybody is a person, and a tiny UniPHD."""
    init_default_scope('mmdet')
    tiny = tiny_config()
    tiny['bbox_head']['task_heads']['pose']['visibility'] = dict(
        type='CrossEntropyLoss', use_sigmoid=True)
    tiny['test_cfg']['max_per_img'] = 3
    (folder /
     'configs/_base_/models/hqnet_r50.py').write_text(f'model = {tiny!r}')
    model = build_model(tiny, torch.float32)
    with torch.no_grad():
        for branch in model.bbox_head.cls_branches:
            branch.bias += 6
    demo = 'hqnet_demo_r18_1xb4_toy-unihuman.py'
    small_config(folder / 'configs/hqnet' / demo, tiny)
    trained = folder / 'work_dirs/demo/train'
    trained.mkdir(parents=True)
    for copy in (folder / 'config.py', trained / demo):
        shutil.copy(folder / 'configs/hqnet' / demo, copy)
    save(model, folder / 'config.py')
    content = (folder / 'config.pth').read_bytes()
    (folder / 'weights').mkdir()
    for copy in ('checkpoint.pth', 'hqnet_r50.pth',
                 f'weights/tiny-{shipped.digest(content)}.pth'):
        (folder / copy).write_bytes(content)

    tiny = tiny_uniphd_config()
    demo = 'configs/uniphd/uniphd_demo_r18_1xb8_toy-refhuman.py'
    small_config(folder / demo, tiny)
    shutil.copy(folder / demo, folder / 'uniphd.py')
    save(build_model(tiny, torch.float32), folder / 'uniphd.py')


def small_config(path, model):
    """Give a copied config another model and one step of training."""
    config = Config.fromfile(path)
    config._cfg_dict.model = model
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.default_hooks.checkpoint.interval = 1
    config.dump(path)


def save(model, config):
    """As a training saves it; it may also be the model that comes along."""
    meta = dict(
        cfg=config.read_text(), model='tiny', tasks=['box', 'mask', 'pose'])
    torch.save(
        dict(meta=meta, state_dict=model.state_dict()),
        config.with_suffix('.pth'))


def write_pictures(folder):
    """Photos of 240 x 220 pixels, and a film."""
    frames = draw_clip(np.random.default_rng(0), 220, 240, FRAMES, 3)
    film = cv2.VideoWriter(
        str(folder / 'film.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10,
        (240, 220))
    pictures = [picture[..., ::-1] for picture, _ in frames]
    for picture in pictures:
        film.write(picture)
    film.release()
    for name, picture in zip(
        ('photo', 'a', 'b', 'holidays/beach', 'holidays/hill', 'street/left',
         'street/right', 'folder/c'), pictures * 2):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f'{name}.jpg'), picture)


def write_data_sets(folder):
    """Drawn people as COCO-UniHuman, RefCOCO and PoseTrack21 lie there."""
    coco = folder / 'data/coco'
    draw_data_set(coco, num_train=1)
    for split in ('train', 'val'):
        path = (coco / f'annotations/toy_unihuman_{split}.json')
        shutil.copy(path, folder / f'person_keypoints_{split}2017.json')
        path.rename(path.with_name(f'coco_unihuman_{split}_v1.json'))
        (coco / f'images/{split}').rename(coco / f'{split}2017')
    person = json.loads(
        (folder / 'person_keypoints_train2017.json').read_text())
    reference = dict(
        ann_id=person['annotations'][0]['id'],
        split='train',
        sentences=[dict(sent='left man')])
    (folder / 'refs(unc).p').write_bytes(pickle.dumps([reference]))
    clip = draw_clip(np.random.default_rng(1), 64, 96, 2, 2)
    write_videos(
        folder / 'data/posetrack21', [('000001_toy', clip)], report=str)


@pytest.fixture
def run_page(workplace, tmp_path, monkeypatch, capsys):
    """Runs a page.

    Returns what its commands printed, by command, and the names that its
    Python defined.
    """
    folder = tmp_path / 'page'
    shutil.copytree(workplace, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(shipped, 'FOLDER', folder / 'weights')
    capture = cv2.VideoCapture
    monkeypatch.setattr(
        cv2, 'VideoCapture',
        lambda source: capture('film.mp4'
                               if source == 0 or '://' in source else source))
    for manager in (DefaultScope, HumanLocalVisualizer, MessageHub, MMLogger):
        monkeypatch.setattr(manager, '_instance_dict', OrderedDict())

    def run(words, given):
        path, arguments = tool_of(words)
        with monkeypatch.context() as patch:
            patch.setattr('sys.stdin', StringIO(given))
            patch.syspath_prepend(str((ROOT / path).parent))
            try:
                if words[0] == 'mmhqnet':
                    status = main(words[1:])
                else:
                    status = runpy.run_path(str(ROOT / path))['main'](
                        arguments)
            except SystemExit as end:
                status = end.code
        printed = capsys.readouterr()
        assert not status, f'{words}: exit status {status}\n{printed.err}'
        return printed.out

    def run_all(page):
        printed, names = {}, {}
        for language, block in blocks_of((ROOT / page).read_text()):
            if language == 'python' and '_base_' not in block:
                exec(compile(block, page, 'exec'), names)
            if language != 'bash':  # configs: test_docs.py
                continue
            for words, given in commands_of(block, folder):
                command = ' '.join(words)
                if beginning(command, NOT_RUN):
                    check_options(words)
                    continue
                extra = SHORTER.get(beginning(command, SHORTER), '').split()
                printed[command] = run(words + extra, given)
        return printed, names

    return run_all


def check_options(words):
    """A tool that is not run has the options that are shown."""
    if tool_of(words):
        path, arguments = tool_of(words)
        runpy.run_path(str(ROOT / path))['parse_args'](arguments)


def persons_in(folder):
    """Lines of ``persons.jsonl`` by the name of the image."""
    lines = map(json.loads, open(f'{folder}/persons.jsonl'))
    return {line['image']['name']: line['persons'] for line in lines}


def frames_of(path):
    """All frames of a video that can be read."""
    capture = cv2.VideoCapture(path)
    frames = []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    return frames


def is_drawn(picture, source):
    """Whether a picture is its source, enlarged, with persons drawn."""
    plain = cv2.resize(source, picture.shape[1::-1])
    change = np.abs(plain.astype(int) - picture).mean()
    return min(picture.shape[:2]) == 480 and 1 < change < 100


@pytest.mark.parametrize('page', [
    'README.md', 'docs/getting_started.md', 'docs/command_line.md',
    'docs/uniphd.md'
])
def test_a_page_runs(run_page, page):
    assert run_page(page)


def test_images_videos_cameras(run_page):
    printed, _ = run_page('docs/inference.md')
    assert list(persons_in('outputs')) == ['photo']
    film = [f'film_{index:06d}' for index in range(FRAMES)]
    found = persons_in('found')
    assert list(found) == ['photo', 'beach', 'hill', *film]
    assert {len(persons) for persons in found.values()} == {3}
    for name in ('photo', 'holidays/beach', 'holidays/hill'):
        assert is_drawn(
            cv2.imread(f'found/pictures/{Path(name).name}.jpg'),
            cv2.imread(f'{name}.jpg'))
    drawn = frames_of('found/film.mp4')
    assert len(drawn) == FRAMES
    assert all(map(is_drawn, drawn, frames_of('film.mp4')))
    camera = printed['mmhqnet predict 0 --json'].splitlines()
    assert [json.loads(line)['image']['frame']
            for line in camera] == [*range(FRAMES)]
    assert list(persons_in('yard')) == ['yard_000000']
    assert len(frames_of('yard/yard.mp4')) == 1  # of 6, every tenth


def test_tracking(run_page):
    pytest.importorskip('motmetrics')
    pytest.importorskip('lap')
    printed, names = run_page('docs/tracking.md')
    ids = [[person['track_id'] for person in persons]
           for persons in persons_in('tracked').values()]
    assert len(ids) == FRAMES and all(ids)
    written = Path('tracked/tracks.txt').read_text()
    tracks = parse_tracks(written, 'tracks.txt', FRAMES)
    assert [found.tolist() for found, _ in tracks] == ids
    drawn = frames_of('tracked/film.mp4')
    assert len(drawn) == FRAMES
    assert all(map(is_drawn, drawn, frames_of('film.mp4')))
    assert [path.name
            for path in Path('tracks').iterdir()] == ['000001_toy.txt']
    table = next(text for command, text in printed.items()
                 if 'compare_trackers' in command)
    for tracker in ('human queries (mean)', 'SORT', 'ByteTrack', 'OC-SORT'):
        assert f'| {tracker} |' in table


NEEDS = {'supervision': 'supervision', 'pose_data_samples': 'mmpose'}


def test_results(run_page):
    """Its blocks, and the calls in its table."""
    _, names = run_page('docs/results.md')
    assert len(names['persons']) == 3
    text = (ROOT / 'docs/results.md').read_text()
    calls = re.findall(r'`(persons\.\w+\([^`]*\))`', text)
    assert len(calls) >= 8
    for call in calls:
        package = NEEDS.get(re.search(r'\.(?:to_)?(\w+)', call)[1])
        if package is None or find_spec(package):
            assert eval(call, dict(names, image_id=1)) is not None, call


def test_no_command_escapes(workplace):
    for hidden in ('```sh\nmmhqnet predict a.jpg\n```\n',
                   '```\n$ python tools/train.py\n```\n',
                   '  ```bash\nmmhqnet info\n'):
        with pytest.raises(AssertionError):
            blocks_of(hidden)
    for unknown in ('git clone x', 'mmhqnet info | tee x', 'cd data', 'ls'):
        with pytest.raises(AssertionError):
            list(commands_of(unknown, workplace))
    assert [
        *commands_of('A="b c" # d\nls *.p | mmhqnet x $A "$A" \\\n y',
                     workplace)
    ] == [(['mmhqnet', 'x', 'b', 'c', 'b c', 'y'], 'refs(unc).p\n')]


def test_what_is_not_run_is_shown():
    shown = ' '.join(block for page in PAGES
                     for language, block in blocks_of((ROOT /
                                                       page).read_text())
                     if language == 'bash')
    for command in [*NOT_RUN, *SHORTER]:
        assert all(word in shown for word in command.split()), command
