"""B10: few parameter groups instead of one per tensor."""
import copy
import logging
from pathlib import Path
from typing import Any, Callable

import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmhqnet.engine  # noqa: F401  registers the constructor

from . import peers
from .measure import Options, interleave
from .report import Check, Row

SCHEDULE = (
    Path(__file__).parents[3] / 'configs/_base_/schedules/schedule_100e.py')


def optim_wrapper_config() -> ConfigDict:
    """The ``optim_wrapper`` of our configs.

    Returns:
        ConfigDict: To be built with a model.
    """
    return Config.fromfile(SCHEDULE).optim_wrapper


def silently(run: Callable, *args) -> Any:
    """Call something that logs a line per parameter.

    Args:
        run (Callable): What to call.
        *args: Its arguments.

    Returns:
        Any: What it returns.
    """
    logging.disable(logging.WARNING)
    try:
        return run(*args)
    finally:
        logging.disable(logging.NOTSET)


def learning_rates(optimizer: torch.optim.Optimizer) -> dict:
    """Learning rate and weight decay of every parameter.

    Args:
        optimizer (torch.optim.Optimizer): With its groups.

    Returns:
        dict: By the identity of the parameter.
    """
    return {
        id(parameter): (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for parameter in group['params']
    }


def row_b10(options: Options) -> Row:
    """Our constructor against mmengine's, with the same learning rates.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Groups, and the time of the optimiser's step.
    """
    config = optim_wrapper_config()
    default = copy.deepcopy(config)
    del default['constructor']
    model = peers.build_hqnet(options)
    optimizers = {
        name: silently(build_optim_wrapper, model,
                       copy.deepcopy(cfg)).optimizer
        for name, cfg in dict(ours=config, default=default).items()
    }
    rates = {key: learning_rates(opt) for key, opt in optimizers.items()}
    if rates['ours'] != rates['default']:
        raise RuntimeError('the constructors give different learning rates')
    num_parameters = _fill_gradients(model)
    times = interleave(
        {
            name: optimizer.step
            for name, optimizer in optimizers.items()
        }, options)

    groups = {
        name: len(optimizer.param_groups)
        for name, optimizer in optimizers.items()
    }
    distinct = len(set(rates['ours'].values()))
    return Row([
        Check(
            'parameter groups',
            groups['ours'],
            limit=f'{distinct} different settings',
            at_most=6,
            sides=(groups['ours'], groups['default']),
            unit='groups, ours / default'),
        Check.of_times(
            'step of AdamW, ours / default constructor',
            times['ours'],
            times['default'],
            limit=f'{28 * num_parameters / 1e9:.2f} GB read and written',
            at_most=1.)
    ])


def _fill_gradients(model: nn.Module) -> int:
    """Give every parameter a gradient; count the trained numbers."""
    total = 0
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 1e-3)
            total += parameter.numel()
    return total
