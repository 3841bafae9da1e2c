import difflib
import os.path as osp
import sys
from contextlib import closing
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch.nn as nn
from mmdet.apis import DetInferencer
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.dataset import Compose
from rich.progress import track

import mmhqnet.datasets  # noqa: F401  registers data sets and transforms
import mmhqnet.models  # noqa: F401  registers HQNet
import mmhqnet.visualization  # noqa: F401  registers the visualizer
from mmhqnet.checkpoints import (check_weights_fit, notice, read_checkpoint,
                                 shipped_model, stored_config, without_wrapper)
from mmhqnet.errors import InputError
from mmhqnet.files import read_config, write_json
from mmhqnet.structures import Prompt
from mmhqnet.structures.person_fields import fields_in
from mmhqnet.tracking import FrameTracker

from .ahead import ReadAhead, batches
from .frame_pipeline import frame_pipeline
from .model_options import Precision, choose_tasks, kept_persons_only
from .prompted import Prompts, answer, check_prompt, with_prompts
from .results import Persons
from .sources import Frame, check_names, count_frames, read_frames

Prepared = Tuple[Frame, Optional[dict]]


class HQNetInferencer(DetInferencer):
    """Find persons with box, mask, pose, gender and age in images and videos.

    :meth:`stream` and :meth:`predict` give a :class:`Persons` per image. A
    call gives dicts, as mmdet's ``DetInferencer`` does and with its options;
    what differs from it:

    - The results hold keypoints, genders and ages too, see
      :meth:`pred2dict`.
    - The data set's keypoint names and skeleton reach the visualizer.
    - A checkpoint that does not fit the config is refused.
    - Images that cannot be read are left out and listed under ``skipped``.
    - Arrays are BGR everywhere, as ``mmcv.imread`` gives them.

    Args:
        model: Config file, config, or a name
            of the model zoo. None takes the config in the checkpoint.
        weights: Checkpoint, a file or an address. Without ``model`` and
            ``weights`` it is the model that comes with mmhqnet; a line on
            the standard error says so.
        device: What is available by default.
        tasks: Task heads to compute, as the config
            names them (``'mask'``, ``'pose'``, ...); all by default. Boxes
            are always found.
        attributes: Whether to compute gender, age and whatever else
            is said about a person.
        dtype: ``'bfloat16'`` computes convolutions and products of matrices
            with it, which saves time on processors that can; see
            docs/inference.md.
        **kwargs: ``palette`` and ``show_progress`` of ``DetInferencer``.

    Raises:
        InputError: If config or checkpoint are missing or do not fit, or the
            model has no such task.

    With a ``prompt`` only the person that is meant is left, see
    docs/uniphd.md; ``UniPHD`` reads it itself.

    Examples:
        >>> from mmhqnet.apis import HQNetInferencer
        >>> inferencer = HQNetInferencer('config.py', 'checkpoint.pth')
        >>> inferencer = HQNetInferencer()  # the model that comes along
        >>> for persons in inferencer.stream('film.mp4', every=5):
        ...     print(persons.time, [person.age for person in persons])
    """

    preprocess_kwargs = {'prompt'}

    def __init__(self,
                 model=None,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 scope: str = 'mmhqnet',
                 tasks: Optional[Sequence[str]] = None,
                 attributes: bool = True,
                 dtype: str = 'float32',
                 **kwargs) -> None:
        model, weights = (
            str(path) if hasattr(path, '__fspath__') else path
            for path in (model, weights))
        if isinstance(model, str) and model.endswith('.py'):
            model = read_config(model)
        self._is_shipped = model is None and weights is None
        if self._is_shipped:
            weights = shipped_model()
        self.skipped = {}
        self._weights = weights
        self._tasks, self._attributes = tasks, attributes
        self._precision = Precision(dtype)
        super().__init__(model, weights, device, scope, **kwargs)
        self._precision.prepare(self.model)

    def stream(self,
               source: Any,
               batch_size: int = 1,
               *,
               every: int = 1,
               start: int = 0,
               stop: Optional[int] = None,
               score_thr: float = 0.3,
               tracker: Optional[FrameTracker] = None,
               prompt: Prompts = None) -> Iterator[Persons]:
        """Find the persons in whatever has images, image by image.

        Memory stays constant: images are read ahead by another thread, but
        not more than two batches, and nothing is kept. Leaving the loop
        closes the source.

        Args:
            source: Files, folders, patterns, arrays, PIL images, videos,
                cameras, streams, and lists and iterators of them; see
                :func:`mmhqnet.apis.sources.read_frames`.
            batch_size: Images that the model sees at once; 1 answers
                soonest.
            every, start, stop: Frames to look at, as ``range(start,
                stop, every)``.
            score_thr: Persons that score less are left out, and
                their masks are never drawn.
            tracker: Says who is who from frame to frame; persons that
                belong to no track are left out. A new one for each video.
            prompt: Who is meant: one for all images, or a list with one for
                each. The others are left out, and ``persons.choice`` says
                why; nobody is left where nobody is meant.

        Yields:
            Persons: One per image, in order; of an image that cannot be
            read, an empty one that says why in ``error``.

        Raises:
            InputError: If there is nothing at all in the source, or not as
                many images as prompts.
        """
        if prompt is not None and tracker is not None:
            raise InputError('a prompt is for images, not for a tracker: ask '
                             'for one frame, then follow its track_id')
        if batch_size < 1:
            raise InputError(f'batch_size is {batch_size}, must be at least 1')
        frames = read_frames(source, every, start, stop)
        with ReadAhead(self._prepared(frames, prompt),
                       2 * batch_size) as prepared:
            for batch in self._progress(
                    batches(prepared, batch_size), source, batch_size,
                    slice(start, stop, every)):
                yield from self._find(batch, score_thr, tracker)

    def predict(self, source: Any, *args, **kwargs) -> List[Persons]:
        """As :meth:`stream`, but all at once.

        Raises: InputError: If no image could be read.
        """
        results = list(self.stream(source, *args, **kwargs))
        if results and all(persons.error for persons in results):
            raise InputError(results[0].error)
        return results

    def _find(self, batch: Sequence[Prepared], score_thr: float,
              tracker: Optional[FrameTracker]) -> Iterator[Persons]:
        """Results of a batch; frames that could not be read have no data."""
        inputs = [data for _, data in batch if data is not None]
        with_queries = tracker is not None and tracker.needs_queries
        with kept_persons_only(self.model, score_thr, with_queries):
            samples = iter(
                self.forward(self.collate_fn(inputs), score_thr) if inputs else
                ())
        for frame, data in batch:
            sample = instances = None
            if data is not None:
                sample = next(samples)
                instances = sample.pred_instances
                if 'asked' not in sample:
                    instances = instances[instances.scores > score_thr]
                if tracker is not None:
                    instances = tracker(instances)
            yield Persons(frame, instances, self.model.dataset_meta,
                          self.visualizer, sample)

    def forward(self,
                inputs: dict,
                score_thr: float = 0.3) -> List[DetDataSample]:
        """Predict for a batch, and answer its prompts."""
        with self._precision.of(self.model):
            samples = super().forward(inputs)
        for sample in samples:
            if 'asked' in sample:
                answer(self.model, sample, score_thr)
        return samples

    def _prepared(self, frames: Iterator[Frame],
                  prompt: Prompts) -> Iterator[Prepared]:
        with closing(frames):
            for frame, asked in with_prompts(frames, prompt):
                yield self._prepare(frame, asked)

    def _prepare(self, frame: Frame, prompt: Optional[Prompt]) -> Prepared:
        """Bring an image and its prompt into the form that the model takes."""
        if frame.error:
            return frame, None
        path = frame.path or f'{frame.name}.jpg'
        inputs = dict(img=frame.image, img_path=path)
        try:
            check_prompt(self.model, prompt, frame.image, path)
            if prompt is None:
                return frame, self.pipeline(inputs)
            data = self.pipeline(dict(inputs, prompt=prompt))
            data['data_samples'].set_metainfo(dict(asked=prompt))
            return frame, data
        except cv2.error:
            height, width = frame.image.shape[:2]
            error = (f'{path} has {width} x {height} pixels and cannot be '
                     'resized for the model; crop it')
        except InputError as refusal:
            error = str(refusal)
        return frame._replace(image=None, error=error), None

    def _progress(self, batches: Iterator, source: Any, batch_size: int,
                  frames: slice) -> Iterable:
        total = count_frames(source) if self.show_progress else None
        if total is None:
            return batches
        total = len(range(total)[frames])
        return track(
            batches, description='Inference', total=-(-total // batch_size))

    def __call__(self, inputs, *args, out_dir: str = '', **kwargs) -> dict:
        """Predict for images, all at once and as plain dicts.

        Args:
            inputs: As for :meth:`stream`.
            *args, **kwargs: See mmdet's ``DetInferencer``; and ``prompt`` as
                of :meth:`stream`.
            out_dir: Pictures go to its ``vis``, and with
                ``no_save_pred=False`` JSON files to its ``preds``, named
                after the image, or after its position if it is an array.

        Returns:
            dict: ``predictions`` (list of :meth:`pred2dict`),
            ``visualization`` (list of RGB arrays) and ``skipped`` (message
            by path or name of those that could not be read).

        Raises:
            InputError: If no image could be read, or two of them would be
                written to the same file.
        """
        if out_dir:
            check_names(inputs)
        self.skipped = {}
        results = super().__call__(
            inputs, *args, out_dir=str(out_dir), **kwargs)
        if not results['predictions']:
            raise InputError(
                next(iter(self.skipped.values()), f'no images in {inputs}'))
        return dict(results, skipped=self.skipped)

    def _inputs_to_list(self, inputs) -> list:
        # NOTE: The parent unpacks folders; here everything is a source.
        return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]

    def preprocess(self,
                   inputs: list,
                   batch_size: int = 1,
                   prompt: Prompts = None,
                   **kwargs):
        """Batches of frames and model inputs, without what is broken."""
        prepared = self._prepared(read_frames(inputs), prompt)
        for batch in batches(self._readable(prepared), batch_size):
            frames, data = zip(*batch)
            yield frames, self.collate_fn(list(data))

    def _readable(self, prepared: Iterator[Prepared]) -> Iterator[Prepared]:
        for frame, data in prepared:
            if data is None:
                self.skipped[frame.path or frame.name] = frame.error
            else:
                yield frame, data

    def pred2dict(self,
                  data_sample: DetDataSample,
                  pred_out_dir: str = '') -> dict:
        """Turn the predictions for an image into plain lists and numbers.

        Args:
            data_sample: With ``pred_instances``.
            pred_out_dir: The JSON file goes to its ``preds``; '' writes
                none.

        Returns:
            dict: A list per field of ``pred_instances``, with one entry per
            person; in HQNet: ``labels``, ``scores``, ``bboxes`` (xyxy),
            ``masks`` (COCO's run-length code), ``mask_scores``,
            ``keypoints`` (K, 2), ``keypoint_scores`` (K,),
            ``keypoints_visible`` (K,), ``genders`` (0 male, 1 female),
            ``gender_scores`` (probability of female), ``ages`` (years), and
            the fields of further tasks; categories that the data set adds are
            named; ``prompt`` and ``choice`` (why this person), if one was
            asked for. Coordinates are pixels of the original image.
        """
        result = super().pred2dict(data_sample)
        instances = data_sample.pred_instances.numpy()
        for field, values in instances.items():
            if field not in result:
                result[field] = np.asarray(values).tolist()
        for row in fields_in(self.model.dataset_meta).values():
            if row.kind == 'category' and row.column in result:
                result[row.column] = [*map(row.printed, result[row.column])]
        if 'asked' in data_sample:
            result.update(
                prompt=data_sample.asked.to_dict(),
                choice=data_sample.choice.to_dict())
        if pred_out_dir:
            stem = osp.splitext(osp.basename(data_sample.img_path))[0]
            write_json(osp.join(pred_out_dir, 'preds', f'{stem}.json'), result)
        return result

    def visualize(self,
                  inputs: Sequence[Frame],
                  preds: List[DetDataSample],
                  return_vis: bool = False,
                  show: bool = False,
                  no_save_vis: bool = False,
                  img_out_dir: str = '',
                  **kwargs) -> Optional[List[np.ndarray]]:
        """Draw the predictions.

        NOTE: mmdet's inferencer reads every image again, and names pictures
        of arrays by another count than their JSON files.

        Args:
            inputs: The images.
            preds: Their predictions.
            return_vis, show, no_save_vis, img_out_dir, **kwargs: See mmdet's
                ``DetInferencer``.

        Returns: RGB pictures, if any were asked for.
        """
        folder = '' if no_save_vis else img_out_dir
        if not (folder or show or return_vis):
            return None
        pictures = []
        for frame, pred in zip(inputs, preds):
            name = osp.basename(pred.img_path)
            self.visualizer.add_datasample(
                name,
                frame.image[..., ::-1],
                pred,
                draw_gt=False,
                show=show,
                out_file=osp.join(folder, 'vis', name) if folder else None,
                **kwargs)
            pictures.append(self.visualizer.get_image())
        return pictures

    def _load_model_from_metafile(self, model: str) -> Tuple[Config, str]:
        # NOTE: The parent expects that weights of every model are published.
        folder = self._get_repo_or_mim_dir(self.scope)
        models = {
            entry['Name'].lower(): entry
            for entry in self._get_models_from_metafile(folder)
        }
        entry = models.get(model.lower())
        if entry is None:
            close = difflib.get_close_matches(model.lower(), models, 3)
            hint = f'; did you mean {" or ".join(close)}?' if close else ''
            raise InputError(f'{model} is neither a config file nor a model '
                             f'of {self.scope}{hint}')
        weights = entry.get('Weights')
        if not (weights or self._weights):
            raise InputError(
                f'weights of {model} are not published; give a checkpoint')
        return Config.fromfile(osp.join(folder, entry['Config'])), weights

    def _init_model(self, cfg, weights: Optional[str], device: str):
        # NOTE: The parent reads the weights itself; here they are read first,
        # so that a file that is no checkpoint ends in one clear line.
        self._weights = weights
        self._checkpoint = weights and read_checkpoint(weights)
        if not cfg:
            cfg.update(stored_config(self._checkpoint, weights)._cfg_dict)
        choose_tasks(cfg, self._tasks, self._attributes)
        try:
            return super()._init_model(cfg, None, device)
        finally:
            del self._checkpoint

    def _load_weights_to_model(self, model: nn.Module, checkpoint: None,
                               cfg) -> None:
        checkpoint = self._checkpoint
        if checkpoint:
            meta = checkpoint.get('meta', {})
            check_weights_fit(model, checkpoint['state_dict'], self._weights,
                              meta.get('training_only', ()))
            if self._is_shipped:
                print(notice(meta), file=sys.stderr)
            # Without those of tasks that are off, and with those that only a
            # training needs: MMEngine would print their names.
            weights = without_wrapper(checkpoint['state_dict'])
            checkpoint = dict(
                checkpoint,
                state_dict={
                    name: weights.get(name, initial)
                    for name, initial in model.state_dict().items()
                })
        super()._load_weights_to_model(model, checkpoint, cfg)
        # NOTE: The parent takes only the palette from the data set.
        dataset = dict(cfg.test_dataloader.dataset, lazy_init=True)
        model.dataset_meta.update(DATASETS.build(dataset).metainfo)

    def _init_pipeline(self, cfg) -> Compose:
        return frame_pipeline(cfg.test_dataloader.dataset.pipeline)

    def _init_visualizer(self, cfg):
        # Pictures go to files, not to the backends of a training run.
        visualizer = cfg.get('visualizer', dict(type='HumanLocalVisualizer'))
        cfg.visualizer = dict(visualizer, vis_backends=None)
        return super()._init_visualizer(cfg)
