"""mmdet's DINO as a start for HQNet: renaming and cutting of weights."""
import re
from typing import Dict

from torch import Tensor

from mmhqnet.errors import InputError

from .reading import weights_of

# What a DINO is recognised by.
MATRICES = ('level_embed', 'query_embedding.weight',
            'dn_query_generator.label_embedding.weight',
            'bbox_head.cls_branches.0.weight',
            'decoder.ref_point_head.layers.0.weight')
DINO_WEIGHTS = (*MATRICES, 'neck.convs.0.conv.weight')


def convert_dino(state_dict: Dict[str, Tensor],
                 num_queries: int = 300,
                 person_index: int = 0) -> Dict[str, Tensor]:
    """Make mmdet's DINO a start for training HQNet.

    Of the classes only the person remains, and of the queries the first ones.
    HQNet's neck has one more convolution, for stride 4, in front of DINO's.

    The result is for ``load_from``, which is not strict: the stride-4
    convolution, the pixel embedding and the task heads are not in it and
    keep their initial weights. Its boxes are DINO's, except where a reference
    has its centre within a thousandth of the image's border, or a width or
    height of nearly nothing or nearly the whole image; there they can differ
    by about as much, because mmdet's DINO head clips references at 1e-5 and
    HQNet at 1e-3 (method 8).

    Args:
        state_dict: Weights of a DINO of mmdet 3.x with four feature levels, or
            a checkpoint with them in ``state_dict``. Names may have the prefix
            ``module.``.
        num_queries: Number of queries to keep.
        person_index: Label of the class person; 0 for COCO.

    Returns: Weights with the names of :class:`HQNet`.

    Raises: InputError: If it is no such DINO, or has fewer queries or classes.
    """
    weights = weights_of(state_dict)
    missing = [name for name in DINO_WEIGHTS if name not in weights]
    if missing:
        raise InputError('these are not the weights of a DINO of mmdet 3.x: '
                         f'they lack {", ".join(missing)}')
    _check_dino(weights, num_queries, person_index)
    converted = {}
    for name, weight in weights.items():
        if name.startswith(('bbox_head.cls_branches.',
                            'dn_query_generator.label_embedding.')):
            # A copy, for a slice would be saved with all it is a slice of.
            weight = weight[person_index:person_index + 1].clone()
        elif name == 'query_embedding.weight':
            weight = weight[:num_queries].clone()
        else:
            name = re.sub(r'(?<=^neck\.convs\.)\d+',
                          lambda level: str(int(level[0]) + 1), name)
        converted[name] = weight
    return converted


def _check_dino(weights: Dict[str, Tensor], num_queries: int,
                person_index: int) -> None:
    for name in MATRICES:
        if weights[name].dim() != 2:
            raise InputError(
                f'these are not the weights of a DINO of mmdet 3.x: {name} '
                f'has the shape {tuple(weights[name].shape)} instead of 2 '
                'dimensions')
    queries, embed_dims = weights['query_embedding.weight'].shape
    if not 0 < num_queries <= queries:
        raise InputError(f'num_queries is {num_queries}, but this DINO has '
                         f'{queries} queries')
    classes = len(weights['bbox_head.cls_branches.0.weight'])
    if not 0 <= person_index < classes:
        raise InputError(f'person_index is {person_index}, but this DINO has '
                         f'{classes} classes')
    levels = len(weights['level_embed'])
    convs = sum(
        re.fullmatch(r'neck\.convs\.\d+\.conv\.weight', name) is not None
        for name in weights)
    if (levels, convs) != (4, 3):
        raise InputError(
            f'this DINO has {levels} feature levels, {convs} of them straight '
            'from the backbone; HQNet needs one with 4 and 3 (4scale)')
    inputs = weights['decoder.ref_point_head.layers.0.weight'].shape[1]
    if inputs != 2 * embed_dims:
        raise InputError(
            'this DINO was trained with another position encoding (onedl-'
            f'mmdetection 3.5 or newer): its ref_point_head has {inputs} '
            f'inputs instead of {2 * embed_dims}')
