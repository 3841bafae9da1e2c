"""ImageNet's MobileNetV2 from torchvision's names to mmdet's."""
from typing import Dict, List

from torch import Tensor

from mmhqnet.errors import InputError

from .reading import weights_of

BLOCK = [
    f'{conv}.{part}'
    for conv in ('expand_conv', 'depthwise_conv', 'linear_conv')
    for part in ('conv', 'bn')
]


def convert_mobilenetv2(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Make a MobileNetV2 of torchvision a start for mmdet's backbone.

    Modules of a block are taken in order, so that both layouts fit: the
    nested one of torchvision (``features.2.conv.0.0``) and the flat one of
    older releases (``features.2.conv.0``). The classifier is left out.

    Args:
        state_dict: Weights, or a checkpoint with them in ``state_dict``.

    Returns: Weights for ``init_cfg`` of mmdet's ``MobileNetV2``.

    Raises: InputError: If it is no MobileNetV2.
    """
    # mmdet's models take seconds to import, and checkpoints are read early
    from mmdet.models.backbones import MobileNetV2

    # Module -> its tensors, by feature.
    features: Dict[int, Dict[str, Dict[str, Tensor]]] = {}
    for name, weight in weights_of(state_dict).items():
        if name.startswith('features.'):
            module, tensor = name.rsplit('.', 1)
            modules = features.setdefault(int(name.split('.')[1]), {})
            modules.setdefault(module, {})[tensor] = weight
    converted = {
        f'{target}.{tensor}': weight
        for prefix, modules in zip(
            _prefixes(MobileNetV2.arch_settings), features.values())
        for target, tensors in zip(
            _targets(prefix, len(modules)), modules.values())
        for tensor, weight in tensors.items()
    }
    if converted.keys() != MobileNetV2().state_dict().keys():
        raise InputError(
            'these are not the weights of a MobileNetV2 of torchvision: their '
            'names must begin with features.0 to features.18, with a '
            'convolution and a batch norm in turns')
    return converted


def _prefixes(arch_settings: list) -> List[str]:
    """Where mmdet has the features, in order."""
    blocks = [
        f'layer{layer}.{block}.'
        for layer, (_, _, num_blocks, _) in enumerate(arch_settings, 1)
        for block in range(num_blocks)
    ]
    return ['conv1.', *blocks, 'conv2.']


def _targets(prefix: str, num_modules: int) -> List[str]:
    """Names of a feature's modules; the first block does not expand."""
    if prefix.startswith('conv'):
        return [f'{prefix}conv', f'{prefix}bn']
    return [prefix + name for name in BLOCK[-num_modules:]]
