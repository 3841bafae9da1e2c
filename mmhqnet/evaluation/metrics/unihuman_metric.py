"""One metric for all tasks of HQNet."""
import warnings
from itertools import compress
from typing import Dict, List, Optional, Sequence, Union

import cv2
import numpy as np
import torch
from mmdet.evaluation import CocoMetric
from mmengine.fileio import get_local_path
from mmengine.logging import MMLogger
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.registry import METRICS

from ..functional.annotation_checks import read_json
from ..functional.ground_truth import GroundTruth
from ..functional.human_evaluation import HumanEvaluator, results_table
from ..functional.predictions import HumanPredictions
from ..functional.tasks import TASKS

# Fields of pred_instances that are kept as they are, if they are there.
_ARRAYS = ('bboxes', 'scores', 'labels', 'mask_scores', 'keypoints',
           'keypoint_scores', 'genders', 'gender_scores', 'ages')


@METRICS.register_module()
class UniHumanMetric(CocoMetric):
    """Box, mask, pose, gender and age AP in one pass over the predictions.

    Box, mask and pose AP are COCO's. Gender and age AP are those of
    :func:`mmhqnet.evaluation.attribute_ap`. Detections are ranked by their
    scores; masks by their mask scores, which hold the detection score as a
    factor (HQNet, arXiv 2312.05525, sec. 5; spec 4 and 5). Values have full
    precision and are called

    - ``unihuman/box_AP``, ``box_AP_50``, ``_75``, ``_S``, ``_M``, ``_L`` and
      the recalls ``box_AR``, ``_1``, ``_10``, ``_S``, ``_M``, ``_L``; the
      same for ``mask`` and, but for small persons, for ``pose``;
    - ``unihuman/box_AP_no_small`` and so on, which the paper's tables show;
    - ``unihuman/gender_AP`` and ``unihuman/age_AP`` (Age-10) for the official
      protocol, ``unihuman/gender_ignore_unlabelled_AP`` for the other one,
      ``unihuman/age5_AP`` for Age-5.

    -1 says that no labelled person falls into the area range. Without any
    prediction every value is 0.

    Args:
        ann_file (str, optional): COCO-style annotation file. Defaults to
            None: the persons in the samples' ``instances``.
        metric (str | Sequence[str]): Any of 'box', 'mask', 'pose', 'gender'
            and 'age'. Defaults to all.
        protocol (str | Sequence[str]): How gender and age AP treat persons
            without such a label: 'official' (the paper's numbers; they are
            removed, so that detecting them is wrong), 'ignore_unlabelled', or
            both. Defaults to 'official'.
        age_error (float | Sequence[float]): n of Age-n AP. Defaults to 10.
        exclude_small (bool): Also report AP without persons below 32^2
            pixels. Defaults to True.
        backend (str): 'pycocotools', 'faster_coco_eval' or 'hotcoco', with
            equal results. Defaults to 'pycocotools'.
        crowding_bounds (Sequence[float]): Where medium and where hard images
            begin. Only for images with CrowdPose's ``crowdIndex``, which get
            ``pose_AP_easy``, ``pose_AP_medium`` and ``pose_AP_hard``.
            Defaults to (0.1, 0.8) as in CrowdPose's paper; its evaluation
            code has (0.2, 0.8).
        format_only (bool): Only write result files. Defaults to False.
        outfile_prefix (str, optional): Where to write COCO result files:
            PREFIX.bbox.json, .segm.json, .keypoints.json, .attributes.json.
            Defaults to None, no files.
        backend_args (dict, optional): Storage that ``ann_file`` is on.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Defaults to 'unihuman'.

    Raises:
        InputError: An unknown name, a backend that is not installed, a
            malformed annotation file, or a metric of a task that the model
            does not predict.
    """
    default_prefix: Optional[str] = 'unihuman'

    def __init__(self,
                 ann_file: Optional[str] = None,
                 metric: Union[str, Sequence[str]] = tuple(TASKS),
                 protocol: Union[str, Sequence[str]] = 'official',
                 age_error: Union[float, Sequence[float]] = 10,
                 exclude_small: bool = True,
                 backend: str = 'pycocotools',
                 crowding_bounds: Sequence[float] = (.1, .8),
                 format_only: bool = False,
                 outfile_prefix: Optional[str] = None,
                 backend_args: Optional[dict] = None,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        if format_only and outfile_prefix is None:
            raise InputError('UniHumanMetric: format_only=True needs '
                             'outfile_prefix, where to write the results')
        # The parent would read the file for boxes and masks only.
        super().__init__(
            ann_file=None,
            format_only=format_only,
            outfile_prefix=outfile_prefix,
            backend_args=backend_args,
            collect_device=collect_device,
            prefix=prefix)
        self.evaluator = HumanEvaluator(metric, protocol, age_error,
                                        exclude_small, backend,
                                        crowding_bounds)
        self.metrics = self.evaluator.metrics
        self.ann_file = ann_file
        self._annotations = None
        if ann_file is not None:
            with get_local_path(ann_file, backend_args) as path:
                self._annotations = read_json(path, ann_file)
        self._ground_truth = None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what the evaluation needs of a batch, small and on the CPU.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): Samples with ``img_id``,
                ``ori_shape`` and ``pred_instances``: ``bboxes`` (n, 4) xyxy
                in pixels, ``scores`` (n, ), ``labels`` (n, ) and, as far as
                the metrics need them, ``masks`` (n, H, W) bool or n RLE,
                ``mask_scores`` (n, ), ``keypoints`` (n, K, 2),
                ``keypoint_scores`` (n, K), ``genders`` (n, ),
                ``gender_scores`` (n, ), ``ages`` (n, ).

        Raises:
            InputError: A field that a metric needs is missing, the
                annotation file is malformed, it lacks an image, or an image
                has another size than its masks.
        """
        for sample in data_samples:
            pred = sample['pred_instances']
            self._check_fields(pred, sample['img_id'])
            record = dict(img_id=sample['img_id'])
            for field in _ARRAYS:
                if field in pred:
                    record[field] = _to_numpy(pred[field])
            if 'mask' in self.metrics and len(pred['scores']):
                record['masks'] = encode_masks(pred['masks'])
            self._leave_out_non_finite(record)
            if self.ann_file is not None:  # fail now rather than at the end
                masks = record.get('masks')
                self._read_ground_truth().check_prediction(
                    record['img_id'], masks[0]['size'] if masks else None)
            else:
                record['ori_shape'] = sample['ori_shape']
                record['instances'] = sample.get('instances')
            self.results.append(record)

    def _leave_out_non_finite(self, record: dict) -> None:
        """Leave out persons with NaN somewhere, of a model that diverged.

        pycocotools would match NaN with anything.
        """
        fields = [field for field in _ARRAYS if field in record]
        finite = np.ones(len(record['scores']), bool)
        for field in fields:
            inner = tuple(range(1, record[field].ndim))
            finite &= np.isfinite(record[field]).all(axis=inner)
        if finite.all():
            return
        # In the same words for every image, so that it is shown once.
        warnings.warn('predictions that hold NaN or infinity are left out; '
                      'has the model diverged?')
        record.update({field: record[field][finite] for field in fields})
        if 'masks' in record:
            record['masks'] = list(compress(record['masks'], finite))

    def _check_fields(self, pred: dict, img_id) -> None:
        for metric in self.metrics:
            field = TASKS[metric].field
            if field is not None and field not in pred and len(pred['scores']):
                raise InputError(
                    f"metric '{metric}' needs pred_instances.{field}, but the "
                    f'model predicts none (image {img_id}); switch its task '
                    f"on, or take '{metric}' out of the evaluator's metric")

    def _read_ground_truth(self, results: Sequence[dict] = ()) -> GroundTruth:
        meta = self.dataset_meta or {}
        options = dict(
            classes=meta.get('classes', ('person', )),
            metrics=self.metrics,
            num_keypoints=meta.get('num_keypoints', 17))
        if self.ann_file is None:
            return GroundTruth.from_samples(results, **options)
        if self._ground_truth is None:
            self._ground_truth = GroundTruth(
                self._annotations, source=self.ann_file, **options)
        return self._ground_truth

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Evaluate the predictions of all images.

        Args:
            results (list[dict]): One record per image.

        Returns:
            dict[str, float]: The values by name, without prefix. Empty if
            ``format_only``.
        """
        logger = MMLogger.get_current_instance()
        ground_truth = self._read_ground_truth(results)
        predictions = HumanPredictions(results, ground_truth.cat_ids)
        if self.outfile_prefix is not None:
            paths = predictions.write(self.outfile_prefix, self.metrics)
            logger.info(f'results are saved in {", ".join(paths.values())}')
        if self.format_only:
            return {}
        values = self.evaluator.evaluate(ground_truth, predictions,
                                         (self.dataset_meta
                                          or {}).get('sigmas'))
        logger.info('\n' + results_table(values))
        return values


def _to_numpy(values) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def encode_masks(masks) -> List[dict]:
    """Run-length encode all masks of an image in one call.

    Args:
        masks (torch.Tensor | np.ndarray | list[dict]): Masks, shape
            (n, H, W), bool or 0 and 1; RLE is passed through.

    Returns:
        list[dict]: n RLE as of pycocotools.
    """
    if isinstance(masks, (list, tuple)):
        return list(masks)
    if isinstance(masks, torch.Tensor):
        masks = masks.detach().to(torch.uint8).cpu().numpy()
    number, height, width = np.shape(masks)
    # COCO encodes column by column. OpenCV transposes faster than NumPy and
    # PyTorch, and the last step is a view.
    columns = np.empty((number, width, height), np.uint8)
    for mask, transposed in zip(np.asarray(masks, np.uint8), columns):
        cv2.transpose(mask, transposed)
    return mask_utils.encode(columns.T)
