"""Two processes with different kinds of prompts learn together."""
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope

from mmhqnet.structures import Point, Text
from mmhqnet.testing import (build_model, make_images, make_sample,
                             tiny_uniphd_config)
from mmhqnet.utils import register_all_modules


def train(rank, folder):
    """Three steps: words here and points there, then the other way round; in
    the last one, an image without a person here."""
    torch.set_num_threads(1)
    register_all_modules()
    init_default_scope('mmdet')
    dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    model = MMDistributedDataParallel(
        build_model(tiny_uniphd_config(), dtype=torch.float32),
        find_unused_parameters=False)
    for step in range(3):
        sample = make_sample(
            1 if rank or step < 2 else 0,
            img_shape=(64, 96),
            seed=rank,
            dtype=torch.float32)
        sample.prompt = [Text('left'), Point(30, 20)][(rank + step) % 2]
        images = make_images([sample], dtype=torch.float32)
        losses = model.train()(images, [sample], mode='loss')
        sum(losses.values()).backward()
    gradients = {
        name: parameter.grad
        for name, parameter in model.module.named_parameters()
        if parameter.requires_grad
    }
    torch.save(gradients, f'{folder}/{rank}.pth')
    dist.destroy_process_group()


@pytest.mark.slow
def test_mixed_prompts_need_no_search_for_unused_parameters(tmp_path):
    mp.spawn(train, (str(tmp_path), ), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pth') for rank in range(2))
    assert first.keys() == second.keys() and len(first) > 100
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], msg=name)
