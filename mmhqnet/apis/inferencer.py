import os.path as osp
from collections import defaultdict
from typing import Iterable, Iterator, List, Optional, Sequence

import numpy as np
import torch.nn as nn
from mmdet.apis import DetInferencer
from mmdet.datasets.transforms import InferencerLoader
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.dataset import Compose

import mmhqnet.datasets  # noqa: F401  registers data sets and transforms
import mmhqnet.models  # noqa: F401  registers HQNet
import mmhqnet.visualization  # noqa: F401  registers the visualizer
from mmhqnet.checkpoints import (check_weights_fit, read_checkpoint,
                                 stored_config)
from mmhqnet.datasets.transforms import LoadHumanImage
from mmhqnet.errors import InputError
from mmhqnet.files import write_json
from mmhqnet.structures.person_fields import fields_in

IMAGE_LOADERS = ('LoadImageFromFile', 'LoadHumanImage')
ANNOTATION_LOADERS = ('LoadHumanAnnotations', 'LoadAnnotations')


class CheckedInferencerLoader(InferencerLoader):
    """mmdet's ``InferencerLoader`` that names images it cannot read.

    Args:
        **kwargs: Arguments of ``LoadImageFromFile``.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.from_file = LoadHumanImage(**kwargs)


class HQNetInferencer(DetInferencer):
    """Find persons with box, mask, pose, gender and age in images.

    Takes everything mmdet's ``DetInferencer`` takes. What differs:

    - The results hold keypoints, genders and ages too, see
      :meth:`pred2dict`.
    - The data set's keypoint names and skeleton reach the visualizer.
    - A checkpoint that does not fit the config is refused.
    - Images that cannot be read are left out and listed under ``skipped``.
    - Arrays are BGR everywhere, as ``mmcv.imread`` gives them.

    Args:
        model (str | Config, optional): Config file, config, or a name of the
            model zoo. Defaults to None: the config in the checkpoint.
        weights (str, optional): Checkpoint.
        device (str, optional): Defaults to None: what is available.
        scope (str): Registry scope. Defaults to ``'mmhqnet'``.
        **kwargs: ``palette`` and ``show_progress`` of ``DetInferencer``.

    Raises:
        InputError: If config or checkpoint are missing or do not fit.

    Examples:
        >>> from mmhqnet.apis import HQNetInferencer
        >>> inferencer = HQNetInferencer('config.py', 'checkpoint.pth')
        >>> result = inferencer('photo.jpg', out_dir='outputs')
        >>> result['predictions'][0]['ages']
    """

    def __init__(self,
                 model=None,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 scope: str = 'mmhqnet',
                 **kwargs) -> None:
        if isinstance(model, str) and model.endswith('.py') \
                and not osp.isfile(model):
            raise InputError(f'config {model} does not exist')
        self.skipped = {}
        super().__init__(model, weights, device, scope, **kwargs)

    def __call__(self, inputs, *args, out_dir: str = '', **kwargs) -> dict:
        """Predict for images.

        Args:
            inputs (str | np.ndarray | Sequence): Image file, folder, BGR
                array (H, W, 3), or a list of files and arrays.
            *args, **kwargs: See mmdet's ``DetInferencer``.
            out_dir (str): Pictures go to its ``vis``, and with
                ``no_save_pred=False`` JSON files to its ``preds``. Defaults
                to '': nothing is written.

        Returns:
            dict: ``predictions`` (list of :meth:`pred2dict`),
            ``visualization`` (list of RGB arrays) and ``skipped`` (message
            by input of those that could not be read).

        Raises:
            InputError: If no image could be read, or two of them would be
                written to the same file.
        """
        images = self._inputs_to_list(inputs)
        if not images:
            raise InputError(f'no images in {inputs}')
        if out_dir:
            self._check_names(images)
        self.skipped = {}
        results = super().__call__(images, *args, out_dir=out_dir, **kwargs)
        if not results['predictions']:
            raise InputError(next(iter(self.skipped.values())))
        return dict(results, skipped=self.skipped)

    def pred2dict(self,
                  data_sample: DetDataSample,
                  pred_out_dir: str = '') -> dict:
        """Turn the predictions for an image into plain lists and numbers.

        Args:
            data_sample (DetDataSample): With ``pred_instances``.
            pred_out_dir (str): The JSON file goes to its ``preds``. Defaults
                to '': no file.

        Returns:
            dict: A list per field of ``pred_instances``, with one entry per
            person; in HQNet: ``labels``, ``scores``, ``bboxes`` (xyxy),
            ``masks`` (COCO's run-length code), ``mask_scores``,
            ``keypoints`` (K, 2), ``keypoint_scores`` (K,), ``genders`` (0
            male, 1 female), ``gender_scores`` (probability of female),
            ``ages`` (years), and the fields of further tasks; categories
            that the data set adds are named. Coordinates are pixels of the
            original image.
        """
        result = super().pred2dict(data_sample)
        instances = data_sample.pred_instances.numpy()
        for field, values in instances.items():
            if field not in result:
                result[field] = np.asarray(values).tolist()
        for row in fields_in(self.model.dataset_meta).values():
            if row.kind == 'category' and row.column in result:
                result[row.column] = [*map(row.printed, result[row.column])]
        if pred_out_dir:
            path = data_sample.get('img_path')
            if path is None:
                path = f'{self.num_predicted_imgs:08d}'
                self.num_predicted_imgs += 1
            stem = osp.splitext(osp.basename(path))[0]
            write_json(osp.join(pred_out_dir, 'preds', f'{stem}.json'), result)
        return result

    def visualize(self, inputs: Sequence, preds: List[DetDataSample],
                  **kwargs) -> Optional[List[np.ndarray]]:
        """Draw the predictions.

        NOTE: mmdet's inferencer predicts on arrays as BGR but draws on them
        as RGB; here they are BGR in both places.

        Args:
            inputs (Sequence[str | np.ndarray]): The images.
            preds (list[DetDataSample]): Their predictions.
            **kwargs: See mmdet's ``DetInferencer``.

        Returns:
            list[np.ndarray] | None: RGB pictures, if any were asked for.
        """
        images = [
            image[..., ::-1] if isinstance(image, np.ndarray) else image
            for image in inputs
        ]
        return super().visualize(images, preds, **kwargs)

    def _inputs_to_list(self, inputs) -> list:
        """Folders, also those within a list, become their images."""
        if isinstance(inputs, (list, tuple)):
            return [
                image for each in inputs
                for image in self._inputs_to_list(each)
            ]
        images = super()._inputs_to_list(inputs)
        return images if isinstance(inputs, np.ndarray) else sorted(images)

    def _init_model(self, cfg, weights: Optional[str], device: str):
        # NOTE: The parent reads the weights itself; here they are read first,
        # so that a file that is no checkpoint ends in one clear line.
        self._weights = weights
        self._checkpoint = weights and read_checkpoint(weights)
        if not cfg:
            cfg.update(stored_config(self._checkpoint, weights)._cfg_dict)
        try:
            return super()._init_model(cfg, None, device)
        finally:
            del self._checkpoint

    def _load_weights_to_model(self, model: nn.Module, checkpoint: None,
                               cfg) -> None:
        if self._checkpoint:
            check_weights_fit(model, self._checkpoint['state_dict'],
                              self._weights)
        super()._load_weights_to_model(model, self._checkpoint, cfg)
        # NOTE: The parent takes only the palette from the data set.
        dataset = dict(cfg.test_dataloader.dataset, lazy_init=True)
        model.dataset_meta.update(DATASETS.build(dataset).metainfo)

    def _init_pipeline(self, cfg) -> Compose:
        """The test pipeline for images without annotations."""
        steps = []
        for step in cfg.test_dataloader.dataset.pipeline:
            arguments = dict(step)
            name = arguments.pop('type').rpartition('.')[2]
            if name in IMAGE_LOADERS:
                step = CheckedInferencerLoader(**arguments)
            elif 'meta_keys' in step:
                step = dict(
                    step,
                    meta_keys=[k for k in step.meta_keys if k != 'img_id'])
            if name not in ANNOTATION_LOADERS:
                steps.append(step)
        return Compose(steps)

    def _init_visualizer(self, cfg):
        # Pictures go to files, not to the backends of a training run.
        visualizer = cfg.get('visualizer', dict(type='HumanLocalVisualizer'))
        cfg.visualizer = dict(visualizer, vis_backends=None)
        return super()._init_visualizer(cfg)

    def _get_chunk_data(self, inputs: Iterable,
                        chunk_size: int) -> Iterator[list]:
        """Batches of (input, model input), without images that are broken."""
        chunk = []
        for image in inputs:
            try:
                chunk.append((image, self.pipeline(image)))
            except InputError as error:
                self.skipped[image] = str(error)
            if len(chunk) == chunk_size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    @staticmethod
    def _check_names(images: Sequence) -> None:
        """Results are named after the image; no two may overwrite another."""
        paths = defaultdict(set)
        for image in images:
            if isinstance(image, str):
                stem = osp.splitext(osp.basename(image))[0]
                paths[stem].add(image)
        for stem, same in paths.items():
            if len(same) > 1:
                raise InputError(
                    f'{" and ".join(sorted(same))} would both be written to '
                    f'{stem}.json; process them with different output folders')
