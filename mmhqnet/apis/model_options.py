"""What is asked of a model: which tasks, for whom, how precisely."""
import copy
from contextlib import contextmanager
from typing import ContextManager, Iterator, Optional, Sequence

import torch
from mmcv.cnn import fuse_conv_bn
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.models.task_heads import AttributeHead, MaskHead
from mmhqnet.registry import MODELS


def choose_tasks(cfg: Config, tasks: Optional[Sequence[str]],
                 attributes: bool) -> None:
    """Switch task heads of a config off."""
    heads = cfg.model.get('bbox_head', {}).get('task_heads') or {}
    known = [name for name, head in heads.items() if head]
    tasks = known if tasks is None else tasks
    tasks = [tasks] if isinstance(tasks, str) else tasks
    for name in tasks:
        if name not in known:
            raise InputError(f'the model has no task {name!r}; it has '
                             f'{", ".join(known) or "boxes only"}')
    for name in known:
        head = heads[name]['type']
        head = head if isinstance(head, type) else MODELS.get(head)
        is_attribute = isinstance(head, type) and issubclass(
            head, AttributeHead)
        if name not in tasks or (is_attribute and not attributes):
            heads[name] = None


class Precision:
    """With which numbers a model predicts.

    In bfloat16 only what is made for it is computed with it (PyTorch's
    autocast); positions stay in float32. Maps lie in memory pixel by pixel,
    as the convolutions of that type are fastest, and batch norms become part
    of the convolutions before them.

    Args:
        dtype: One of ``DTYPES``.

    Raises: InputError: If it is another one.
    """

    DTYPES = ('float32', 'bfloat16')

    def __init__(self, dtype: str) -> None:
        if dtype not in self.DTYPES:
            raise InputError(f'dtype is {dtype!r}, use one of '
                             f'{", ".join(self.DTYPES)}')
        self.is_mixed = dtype == 'bfloat16'

    def prepare(self, model: nn.Module) -> None:
        """Make a model ready, once; it cannot be trained any more.

        Weights of what every image passes are rounded now, so that autocast
        need not do it for each image.
        """
        if not self.is_mixed:
            return
        fuse_conv_bn(model)
        model.to(memory_format=torch.channels_last)
        for name in ('backbone', 'neck', 'encoder', 'decoder'):
            whole = getattr(model, name, None)
            for part in whole.modules() if whole is not None else ():
                if isinstance(part, (nn.Conv2d, nn.Linear)):
                    part.to(torch.bfloat16)

    def of(self, model: nn.Module) -> ContextManager:
        """Compute with it while the context is open."""
        device = next(model.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.is_mixed)

    def test(self, runner: Runner) -> None:
        """Test a model with it."""
        if not self.is_mixed:
            runner.test()  # as its config says
            return
        runner.register_hook(PreparedCopyHook(self), priority='LOWEST')
        # NOTE: MMEngine's name of any mixed precision, of the type around it.
        runner.test_loop.fp16 = True
        with self.of(runner.model):
            runner.test()


class PreparedCopyHook(Hook):
    """Test a copy of the model, once it has the weights to be tested.

    The model itself stays as it is: it may get back, after the test, weights
    that others were put in place of.
    """

    def __init__(self, precision: Precision) -> None:
        self.precision = precision

    def before_test_epoch(self, runner: Runner) -> None:
        """Exchange the model."""
        self.model = runner.model
        whole = self.model
        if is_model_wrapper(whole):
            whole = whole.module
        runner.model = copy.deepcopy(whole)
        self.precision.prepare(runner.model)

    def after_test(self, runner: Runner) -> None:
        """Put the model back."""
        runner.model = self.model


@contextmanager
def kept_persons_only(model: nn.Module, score_thr: float,
                      with_queries: bool) -> Iterator[None]:
    """Let heads draw masks of kept persons only, one by one, as codes."""
    head = getattr(model, 'bbox_head', None)
    masks = [part for part in model.modules() if isinstance(part, MaskHead)]
    test_cfg = getattr(head, 'test_cfg', None)
    try:
        if test_cfg is not None:
            head.test_cfg = dict(
                test_cfg, score_thr=score_thr, with_queries=with_queries)
        for part in masks:
            part.run_length = True
        yield
    finally:
        if test_cfg is not None:
            head.test_cfg = test_cfg
        for part in masks:
            part.run_length = False
