"""From one set of labels to another, by the tools, on drawn people."""
import json
import re
import runpy
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
FROM_HQNET = 'transfer/hqnet_toy_r18-from-hqnet-tenth_1xb4_toy-crowdpose.py'


@pytest.fixture(scope='module')
def data(draw_toy):
    folder = draw_toy(num_train=2)
    tool = ROOT / 'tools/dataset_converters/relabel_toy_unihuman.py'
    runpy.run_path(str(tool))['main']([str(folder)])
    return folder


def train(name, data, work_dir, **changes):
    """Two steps of a small model, and an evaluation."""
    config = Config.fromfile(CONFIGS / name)
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.dataset.data_root = str(data)
        loader.batch_size = 2
    for split in ('val', 'test'):
        file = Path(config[f'{split}_evaluator'].ann_file).name
        config[f'{split}_evaluator'].ann_file = str(data / 'annotations' /
                                                    file)
    config.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            experiment_name=work_dir.name,
            launcher='none',
            model=dict(
                num_queries=6,
                encoder=dict(num_layers=1),
                test_cfg=dict(max_per_img=6)),
            train_cfg=dict(max_iters=2, val_interval=2),
            default_hooks=dict(checkpoint=dict(interval=2)),
            **changes))
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def test_other_body_and_other_attribute(data, tmp_path, capfd):
    start = tmp_path / 'start'
    train('hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py', data, start)
    runner = train(
        FROM_HQNET,
        data,
        tmp_path / 'other',
        load_from=str(start / 'iter_2.pth'))
    log = next((tmp_path / 'other').glob('*/*.log')).read_text()
    line, = re.findall(r'.* weights are loaded; .*', log)
    number, total = map(int, re.findall(r'(\d+) of (\d+) weights', line)[0])
    assert 0.8 * total < number < total
    anew, unused = line.split('anew: ')[1].split('; not used: ')
    tasks = 'bbox_head.task_heads'
    assert f'{tasks}.garment' in anew
    assert all(
        name.startswith((f'{tasks}.pose.', f'{tasks}.garment'))
        for name in anew.split(', '))
    assert set(unused.split(', ')) == {f'{tasks}.age', f'{tasks}.gender'}
    values = runner.val_loop.run()
    for metric in ('box', 'mask', 'pose', 'garment'):
        assert 0 <= values[f'unihuman/{metric}_AP'] <= 1
    persons = json.loads(
        (data / 'annotations/toy_crowdpose_val.json').read_text())
    assert len(persons['annotations'][0]['keypoints']) == 3 * 14


def test_a_tenth_of_the_steps_from_the_toy_models_last_checkpoint():
    toy = Config.fromfile(CONFIGS / 'hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py')
    config = Config.fromfile(CONFIGS / FROM_HQNET)
    assert config.train_cfg.max_iters == toy.train_cfg.max_iters // 10
    assert Path(config.load_from).name == f'iter_{toy.train_cfg.max_iters}.pth'
