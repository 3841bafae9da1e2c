"""tools/train.py and tools/test.py, from the outside."""
import json
import os
import pickle
import re
import runpy
import subprocess
import sys
import time
from collections import OrderedDict, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.necks import ChannelMapper
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope

from mmhqnet.__main__ import main
from mmhqnet.visualization import HumanLocalVisualizer

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')


def tool(name, *arguments):
    """Run a tool in a Python of its own.

    Returns:
        tuple[int, str]: Exit status and all that it printed.
    """
    done = subprocess.run(
        [sys.executable, ROOT / 'tools' / name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        text=True)
    return done.returncode, done.stdout


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    path = ROOT / 'tools/dataset_converters/make_toy_unihuman.py'
    runpy.run_path(str(path))['main']([
        str(folder), '--num-train', '4', '--num-val', '2', '--image-size',
        '64', '64'
    ])
    return folder


@pytest.fixture(scope='module')
def options(data):
    """Config options for a tiny model, the toy data and 2 iterations."""
    ann_file = f'{data}/annotations/toy_unihuman_val.json'
    return [
        '--cfg-options', *(f'{split}_dataloader.dataset.data_root={data}/'
                           for split in ('train', 'val', 'test')),
        f'val_evaluator.ann_file={ann_file}',
        f'test_evaluator.ann_file={ann_file}', 'train_dataloader.batch_size=2',
        'model.encoder.num_layers=1', 'model.num_queries=5',
        'model.test_cfg.max_per_img=5', 'train_cfg.val_interval=10',
        'default_hooks.checkpoint.interval=2',
        'default_hooks.checkpoint.max_keep_ckpts=-1',
        'default_hooks.logger.interval=1', 'train_cfg.max_iters=2',
        'default_hooks.visualization.draw=True',
        'default_hooks.visualization.interval=1',
        'default_hooks.visualization.score_thr=0.0'
    ]


@pytest.fixture(scope='module')
def trained(options, tmp_path_factory):
    """Work dir of a training."""
    work_dir = tmp_path_factory.mktemp('run') / 'work_dir'
    status, output = tool('train.py', CONFIG, '--work-dir', work_dir, *options)
    assert status == 0, output
    return work_dir


@pytest.fixture
def new_run(monkeypatch):
    """Forgets the last run: MMEngine has one instance of each name."""

    def forget():
        for manager in (DefaultScope, HumanLocalVisualizer, MessageHub,
                        MMLogger):
            monkeypatch.setattr(manager, '_instance_dict', OrderedDict())

    forget()
    return forget


def test_training_writes_checkpoint_config_and_log(trained):
    assert (trained / 'iter_2.pth').is_file()
    assert (trained / Path(CONFIG).name).is_file()
    log = next(trained.glob('*/*.log')).read_text()
    assert re.search(r'Iter\(train\) \[2/2\].* loss: [\d.]+ ', log)


def has_two_halves(path):
    """Ground truth | prediction, each 480 pixels high and with a title."""
    picture = cv2.imread(str(path))
    titles = picture[:30]
    return picture.shape == (510, 960, 3) and all(
        (half.min() < 20 and (half == 255).mean() > 0.5)
        for half in np.split(titles, 2, axis=1)) and (picture[30:, :480]
                                                      != picture[30:,
                                                                 480:]).any()


def test_validation_draws_truth_beside_prediction(trained):
    pictures = list(trained.glob('*/vis_data/vis_image/val_img_*.png'))
    assert pictures and all(map(has_two_halves, pictures))


def test_resume_goes_on_with_weights_only_on(new_run, trained, options):
    """The optimiser and the logged history come back, too."""
    before = set(trained.glob('*/*.log'))
    assert main([
        'train', CONFIG, '--work-dir',
        str(trained), '--resume', *options, 'train_cfg.max_iters=3'
    ]) == 0
    log, = set(trained.glob('*/*.log')) - before
    output = log.read_text()
    assert 'resumed epoch: 0, iter: 2' in output
    assert 'Iter(train) [3/3]' in output and 'Iter(train) [2/' not in output
    before, after = (torch.load(trained / f'iter_{i}.pth') for i in (2, 3))
    steps = [
        next(iter(checkpoint['optimizer']['state'].values()))['step'].item()
        for checkpoint in (before, after)
    ]
    assert steps == [2, 3]


def test_resume_of_nothing_begins_as_the_config_says(new_run, trained, options,
                                                     tmp_path):
    start = trained / 'iter_2.pth'
    assert main([
        'train', CONFIG, '--work-dir',
        str(tmp_path), '--resume', *options, f'load_from={start}',
        'train_cfg.max_iters=1', 'optim_wrapper.optimizer.lr=0.0'
    ]) == 0
    before, after = (
        torch.load(path)['state_dict']
        for path in (start, tmp_path / 'iter_1.pth'))
    name = 'bbox_head.cls_branches.0.weight'
    assert torch.equal(before[name], after[name])


def test_test_writes_predictions_and_scores(new_run, trained, options,
                                            tmp_path):
    assert main([
        'eval', CONFIG,
        str(trained / 'iter_2.pth'), '--work-dir',
        str(tmp_path), '--out',
        str(tmp_path / 'out.pkl'), '--show-dir', 'pictures', *options
    ]) == 0
    pictures = list(tmp_path.glob('*/pictures/*.jpg'))
    assert len(pictures) == 2 and all(map(has_two_halves, pictures))
    assert next(tmp_path.glob('*/*.json')).read_text().count('box_AP') > 0
    with open(tmp_path / 'out.pkl', 'rb') as file:
        predictions = pickle.load(file)
    assert len(predictions) == 2
    assert {'bboxes', 'masks', 'keypoints', 'genders',
            'ages'} <= set(predictions[0]['pred_instances'])


def test_bfloat16_scores_the_checkpoint_as_float32_does(
        new_run, trained, options, tmp_path):
    types, maps = defaultdict(set), defaultdict(list)

    def note(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d):
            types[dtype].add(str(output.dtype))
        if isinstance(module, ChannelMapper):
            maps[dtype].append(output[0].float())

    for dtype in ('float32', 'bfloat16'):
        new_run()
        with torch.nn.modules.module.register_module_forward_hook(note):
            status = main([
                'eval', CONFIG,
                str(trained / 'iter_2.pth'), '--work-dir',
                str(tmp_path / dtype), '--dtype', dtype, *options
            ])
        assert status == 0
        scores, = (tmp_path / dtype).glob('*/*.json')
        assert 0 <= json.loads(scores.read_text())['unihuman/box_AP'] <= 1
    assert not torch.is_autocast_enabled('cpu')
    assert types == dict(
        float32={'torch.float32'}, bfloat16={'torch.bfloat16'})
    for expected, found in zip(maps['float32'], maps['bfloat16']):
        assert (found - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.fault
def test_unknown_dtype(capfd):
    assert main(['eval', CONFIG, 'x.pth', '--dtype', 'half']) == 2
    *_, error = capfd.readouterr().err.splitlines()
    assert "argument --dtype: invalid choice: 'half'" in error
    assert 'float32' in error and 'bfloat16' in error


@pytest.mark.parametrize('name', ['train.py', 'test.py'])
def test_help_answers_at_once(name):
    """Neither torch nor the OpenMMLab stack is imported for it."""
    code = (f'import runpy, sys; sys.argv = ["{name}", "--help"]\n'
            f'try: runpy.run_path({str(ROOT / "tools" / name)!r}, '
            'run_name="__main__")\n'
            'except SystemExit: print([m for m in ("torch", "mmcv", "mmdet", '
            '"mmhqnet") if m in sys.modules])')
    begin = time.process_time()
    output = subprocess.run([sys.executable, '-c', code],
                            capture_output=True,
                            text=True).stdout
    assert time.process_time() - begin < 5
    assert output.strip().endswith('[]')
    for option in ('--work-dir', '--cfg-options', '--launcher',
                   '--local-rank'):
        assert option in output


@pytest.fixture
def refusal(new_run, capfd):
    """Calls a tool here and returns the one line that it refuses with."""

    def refuse(name, *arguments):
        new_run()
        main = runpy.run_path(str(ROOT / 'tools' / name))['main']
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        assert end.value.code == 2
        error, = (
            line for line in capfd.readouterr().err.splitlines()
            if line.startswith('error: '))
        return error

    return refuse


@pytest.mark.fault
@pytest.mark.parametrize('arguments, message', [
    (['no.py'], 'config no.py does not exist'),
    ([CONFIG, '--resume', 'no.pth'], 'no.pth does not exist'),
    ([CONFIG, '--resume', CONFIG], 'cannot be read'),
    ([CONFIG, '--cfg-options', 'model.type=HQNett'], 'HQNett is not in'),
    ([CONFIG, '--cfg-options', 'model.colour=1'], "argument 'colour'"),
    ([CONFIG, '--cfg-options', 'model.bbox_head.task_heads.nose.type=Nose'
      ], "unknown task head 'Nose'"),
    ([CONFIG, '--cfg-options', 'train_dataloader.dataset.data_root=/none/'
      ], '/none/annotations/toy_unihuman_train.json'),
])
def test_training_refuses_bad_input(refusal, tmp_path, arguments, message):
    work_dir = tmp_path / 'runs' / 'mine'
    error = refusal('train.py', *arguments, '--work-dir', work_dir)
    assert message in error
    assert not work_dir.parent.exists()


@pytest.mark.fault
@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_amp_is_refused_on_the_cpu(refusal, tmp_path):
    assert '--amp needs a GPU' in refusal('train.py', CONFIG, '--amp',
                                          '--work-dir', tmp_path)


@pytest.mark.fault
def test_options_that_the_config_does_not_support(refusal, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text(f"_base_ = '{CONFIG}'\n"
                      'auto_scale_lr = dict(_delete_=True)\n')
    assert 'base_batch_size' in refusal('train.py', config, '--auto-scale-lr')
    assert 'tta_model' in refusal('test.py', CONFIG, 'x.pth', '--tta')
    assert '.pkl' in refusal('test.py', CONFIG, 'x.pth', '--out', 'a')


@pytest.mark.fault
def test_weights_alone_cannot_be_resumed(refusal, tmp_path):
    torch.save(dict(state_dict={'a': torch.ones(1)}), tmp_path / 'weights.pth')
    assert 'holds weights only' in refusal('train.py', CONFIG, '--resume',
                                           tmp_path / 'weights.pth')


@pytest.mark.fault
def test_addresses_are_read_as_carefully_as_files(refusal, tmp_path, serve,
                                                  hostile):
    address = serve(dict(state_dict={}, optimizer=hostile))
    for tool, *arguments in (('test.py', address), ('train.py', '--resume',
                                                    address),
                             ('train.py', '--cfg-options',
                              f'load_from={address}')):
        error = refusal(tool, CONFIG, *arguments, '--work-dir', tmp_path / 'w')
        assert f'{address} is refused' in error
        assert not (tmp_path / 'w').exists()


@pytest.mark.fault
def test_test_refuses_a_checkpoint_of_another_model(refusal, tmp_path, trained,
                                                    options):
    checkpoint = trained / 'iter_2.pth'
    work_dir = tmp_path / 'mine'
    arguments = (checkpoint, '--work-dir', work_dir, *options)
    error = refusal('test.py', CONFIG, *arguments, 'model.num_queries=7')
    assert str(checkpoint) in error and 'query_embedding.weight' in error
    error = refusal('test.py', CONFIG, *arguments,
                    'model.encoder.num_layers=2')
    assert 'encoder.layers.1' in error
    assert not work_dir.exists()

    for wrong in (tmp_path / 'none.pth', CONFIG):
        assert str(wrong) in refusal('test.py', CONFIG, wrong)
