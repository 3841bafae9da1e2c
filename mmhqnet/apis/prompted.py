"""UniPHD on one image and any number of prompts."""
from typing import List, Sequence

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.apis import init_detector
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData
from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.structures import Prompt

# Steps of the test pipeline that an image and a prompt do not need.
_OF_FILES = ('SamplePrompt', 'LoadHumanAnnotations')


def init_prompted(config: str,
                  checkpoint: str,
                  device: str = 'cpu') -> nn.Module:
    """Build a UniPHD for :func:`predict_prompts`.

    Args:
        config: Config file.
        checkpoint: Checkpoint file.
        device: Where it shall compute.

    Raises: InputError: If the config is not one of UniPHD.
    """
    cfg = Config.fromfile(config)
    if cfg.model.type != 'UniPHD':
        raise InputError(f'{config}: model.type is {cfg.model.type}, but only '
                         'UniPHD reads prompts itself; for other models there '
                         'is mmhqnet.apis.prompt_selection')
    cfg.model.backbone.init_cfg = None  # the checkpoint has it all
    return init_detector(cfg, checkpoint, palette='none', device=device)


def predict_prompts(model: nn.Module, image: np.ndarray,
                    prompts: Sequence[Prompt]) -> List[InstanceData]:
    """Find the person that each prompt means.

    Args:
        model: From :func:`init_prompted`.
        image: BGR, (h, w, 3).
        prompts: In pixels of the image; they are computed in one batch.

    Returns:
        list[InstanceData]: For each prompt the groups by falling score, see
        :meth:`RefPoseMaskHead.predict`; the first is the answer.

    Raises:
        InputError: If a prompt lies outside of the image, or is none that
            the model reads.
    """
    height, width = image.shape[:2]
    for prompt in prompts:
        prompt.check_inside(width, height)
    steps = [
        dict(step, type='mmdet.LoadImageFromNDArray')
        if 'LoadImage' in step['type'] else step
        for step in model.cfg.test_dataloader.dataset.pipeline
        if step['type'] not in _OF_FILES
    ]
    steps[-1] = dict(
        steps[-1], meta_keys=('ori_shape', 'img_shape', 'scale_factor'))
    pipeline = Compose(steps)
    batch = [
        pipeline(dict(img=image, img_path=None, img_id=0, prompt=prompt))
        for prompt in prompts
    ]
    if not batch:
        return []
    with torch.no_grad():
        samples = model.test_step(pseudo_collate(batch))
    return [sample.pred_instances for sample in samples]
