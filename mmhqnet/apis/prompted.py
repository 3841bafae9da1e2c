"""From a prompt to the one person that it means, with any model.

A model that reads prompts (UniPHD) has answered when its best group is taken;
among the persons of another one :mod:`mmhqnet.apis.prompt_selection` chooses.
"""
from itertools import repeat
from typing import Iterable, Iterator, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmdet.structures import DetDataSample
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.models.detectors import UniPHD
from mmhqnet.structures import Prompt, Text
from mmhqnet.structures.run_length_masks import encode_masks

from .descriptions import parse
from .prompt_selection import Choice, choose_person
from .sources import Frame

Prompts = Union[None, Prompt, Sequence[Prompt]]


def with_prompts(frames: Iterable[Frame],
                 prompt: Prompts) -> Iterator[Tuple[Frame, Optional[Prompt]]]:
    """Each frame with its prompt: the only one, or its own of a list.

    Raises: InputError: If a list is shorter or longer than the images.
    """
    if not isinstance(prompt, (list, tuple)):
        yield from zip(frames, repeat(prompt))
        return
    count = 0
    for count, frame in enumerate(frames, 1):
        if count > len(prompt):
            break
        yield frame, prompt[count - 1]
    if count != len(prompt):
        more = 'more' if count > len(prompt) else f'only {count}'
        raise InputError(f'there are {len(prompt)} prompts and {more} images: '
                         'give one prompt for all, or one for each')


def check_prompt(model: torch.nn.Module, prompt: Optional[Prompt],
                 image: np.ndarray, name: str) -> None:
    """Refuse before any work what the model cannot answer.

    Args:
        prompt: In pixels of the image, (h, w, 3).
        name: Of the image, for the message.

    Raises:
        InputError: If the prompt lies outside of the image, has words that
            the grammar does not know, or is missing where the model needs one.
    """
    reads = isinstance(model, UniPHD)
    if reads:
        model.check_prompt(prompt, name)
    elif prompt is None:
        return
    elif not hasattr(prompt, 'check_inside'):
        raise InputError('a prompt is a Point, Scribble, Box or Text, got '
                         f'{prompt!r}')
    prompt.check_inside(*image.shape[1::-1])
    if isinstance(prompt, Text) and not reads:
        parse(prompt.caption)


def answer(model: torch.nn.Module, sample: DetDataSample,
           score_thr: float) -> None:
    """Leave only the person that ``sample.asked`` means, or nobody.

    ``sample.choice`` tells why.

    Args:
        model: That gave ``sample.pred_instances``.
        sample: With the prompt in pixels of the image.
        score_thr: Persons that score less are never meant. UniPHD always
            answers: its best group.
    """
    instances = sample.pred_instances
    if isinstance(model, UniPHD):
        best = instances[:1]
        choice = Choice(0, 'the best group of UniPHD')
    else:
        kept = instances[instances.scores > score_thr]
        columns = {
            name: value.cpu() if isinstance(value, torch.Tensor) else value
            for name, value in kept.items()
        }
        if 'masks' in columns:
            columns['masks'] = [
                mask_utils.decode(code)
                for code in encode_masks(columns['masks'])
            ] or None
        try:
            choice = choose_person(sample.asked, columns, sample.ori_shape)
        except InputError as refusal:  # words on what the model lacks
            choice = Choice(None, str(refusal))
        best = kept[:0] if choice.index is None else kept[torch.tensor(
            [choice.index])]
    sample.pred_instances = best
    sample.set_metainfo(dict(choice=choice))
