"""What the documentation shows has to work."""
import re
import sys
from pathlib import Path

import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import mmhqnet  # noqa: F401
from mmhqnet.registry import METRICS, MODELS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def blocks_of(page, language):
    pattern = rf'^```{language}\n(.*?)^```$'
    return re.findall(pattern, page.read_text(), flags=re.M | re.S)


CONFIGS = [
    block for page in PAGES for block in blocks_of(page, 'python')
    if '_base_' in block
]
CHILD_HEAD, = (
    block for block in blocks_of(ROOT / 'docs/configs.md', 'python')
    if block.startswith('# child_head.py'))


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Reads a shown config, on the base of the toy model, which is small."""
    monkeypatch.syspath_prepend(tmp_path)
    if 'child_head' not in sys.modules:  # the registry takes a name once
        (tmp_path / 'child_head.py').write_text(CHILD_HEAD)

    def read(text):
        toy = ROOT / 'configs/hqnet/hqnet_toy_r18_1xb4_toy-unihuman.py'
        path = tmp_path / 'config.py'
        path.write_text(re.sub(r"_base_ = '.*'", f"_base_ = '{toy}'", text))
        config = Config.fromfile(path)
        init_default_scope(config.default_scope)
        return config

    return read


@pytest.mark.parametrize('text', CONFIGS)
def test_configs_build(load, text):
    config = load(text)
    model = MODELS.build(config.model)
    heads = config.model.bbox_head.task_heads
    assert set(model.bbox_head.task_heads) == {
        name
        for name, head in heads.items() if head is not None
    }
    for split in ('val', 'test'):
        evaluator = config[f'{split}_evaluator'].copy()
        evaluator.pop('ann_file')
        metrics = set(METRICS.build(evaluator).metrics)
        off = {name for name, head in heads.items() if head is None}
        assert metrics and not metrics & off


def test_bases_exist():
    for text in CONFIGS:
        base, = re.findall(r"_base_ = 'mmhqnet::(.*)'", text)
        assert (ROOT / 'configs' / base).is_file()


def test_own_task_learns_and_predicts(load):
    config = load(next(text for text in CONFIGS if 'ChildHead' in text))
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(64, 64),
            ori_shape=(64, 64),
            batch_input_shape=(64, 64),
            scale_factor=(1., 1.)))
    masks = torch.zeros(2, 64, 64, dtype=torch.uint8)
    masks[:, 8:40, 8:40] = 1
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[8., 8., 40., 40.], [20., 20., 60., 60.]]),
        labels=torch.zeros(2, dtype=torch.long),
        masks=BitmapMasks(masks.numpy(), 64, 64),
        mask_valid=torch.tensor([True, True]),
        keypoints=torch.rand(2, 17, 2) * 30 + 10,
        keypoints_visible=torch.full((2, 17), 2.),
        areas=torch.tensor([1024., 1600.]),
        genders=torch.tensor([0, 1]),
        ages=torch.tensor([5, -1]))
    image = torch.rand(3, 64, 64) * 255
    data = model.data_preprocessor(
        dict(inputs=[image], data_samples=[sample]), training=True)
    losses = model(**data, mode='loss')
    assert {'loss_child', 'd0.loss_child', 'enc_loss_child'} <= set(losses)
    losses['loss_child'].sum().backward()
    branches = model.bbox_head.task_heads.child.branches
    assert branches[-2].weight.grad.abs().sum() > 0  # the last decoder layer

    model.eval()
    found, = model.test_step(dict(inputs=[image], data_samples=[sample]))
    scores = found.pred_instances.child_scores
    assert len(scores) == len(found.pred_instances) > 0
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_and_tools_exist(page):
    text = page.read_text()
    prose = re.sub(r'^```.*?^```$', '', text, flags=re.M | re.S)
    for target in re.findall(r'\]\((?!https?:)([^)#]+)', prose):
        assert (page.parent / target).exists(), target
    for tool in re.findall(r'(?:python|bash) (tools/[\w/]+\.\w+)', text):
        assert (ROOT / tool).exists(), tool


def test_cited_sections_of_the_method_exist():
    page = (ROOT / 'docs/method.md').read_text()
    sections = set(re.findall(r'^#+ (\d+(?:\.\d+)?)\.? ', page, re.M))
    sections |= set(re.findall(r'^\| (\d+\.\d+) \|', page, re.M))
    cited = set()
    for path in (ROOT / 'mmhqnet').rglob('*.py'):
        text = re.sub(r'\s+', ' ', path.read_text())
        assert not re.search(r'\bspec \d', text), path
        for numbers in re.findall(
                r'\bmethod (\d[\d.]*(?:(?:,| and| to) \d[\d.]*)*)', text):
            for number in re.findall(r'\d+(?:\.\d+)?', numbers):
                cited.add((number, path.name))
    assert len(cited) > 20
    assert {number for number, _ in cited} <= sections, sorted(
        (number, name) for number, name in cited if number not in sections)
