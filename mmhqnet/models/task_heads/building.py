"""Task heads from their configs."""
from itertools import combinations
from typing import Dict, Mapping, Optional

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from .attribute import AttributeHead
from .base import TaskHead

HeadConfigs = Optional[Mapping[str, Optional[dict]]]


def build_task_heads(configs: HeadConfigs, where: str,
                     **defaults) -> Dict[str, TaskHead]:
    """Build the task heads of all names but those that are None.

    Args:
        where: Config key of all of them, for errors.
        **defaults: What the heads are told unless their config says it.

    Raises: InputError: A config does not describe a task head, or two heads
        are of the same attribute.
    """
    heads = {
        name: _build_task_head(name, config, where, defaults)
        for name, config in (configs or {}).items() if config is not None
    }
    attributes = ((name, head) for name, head in heads.items()
                  if isinstance(head, AttributeHead))
    for (first, head), (second, other) in combinations(attributes, 2):
        same = {head.field, head.loss_name} & {other.field, other.loss_name}
        if same:
            raise InputError(
                f'{where}.{first} and {where}.{second} both stand for '
                f'{min(same)!r}, and one would replace the other; set one of '
                'them to None')
    return heads


def build_attribute_heads(configs: HeadConfigs, where: str,
                          **defaults) -> Dict[str, AttributeHead]:
    """Like :func:`build_task_heads`, where features are all that is read.

    Raises: InputError: Or a head is not one of an attribute.
    """
    heads = build_task_heads(configs, where, **defaults)
    for name, head in heads.items():
        if not isinstance(head, AttributeHead):
            raise InputError(
                f'{where}.{name}: {type(head).__name__} needs more than a '
                'query; choose the head of an attribute, such as GenderHead')
    return heads


def _build_task_head(name: str, config: dict, where: str,
                     defaults: dict) -> TaskHead:
    where = f'{where}.{name}'
    if not isinstance(config, dict) or 'type' not in config:
        raise InputError(f'{where} must be None or a dict with `type`, '
                         f'the name of a task head; got {config!r}')
    if name == 'box':
        raise InputError(f'{where}: `box` is the name of the detection '
                         'itself; give the task another one')
    task_type = config['type']
    cls = MODELS.get(task_type) if isinstance(task_type, str) else task_type
    if not (isinstance(cls, type) and issubclass(cls, TaskHead)):
        known = sorted(
            key for key, module in MODELS.module_dict.items()
            if isinstance(module, type) and issubclass(module, TaskHead))
        raise InputError(
            f'{where}: unknown task head {task_type!r}; choose one of '
            f'{", ".join(known)}, or import your own in custom_imports')
    return MODELS.build(dict(defaults, **config))
