"""One metric for all tasks of HQNet."""
import warnings
from itertools import compress
from typing import Dict, List, Mapping, Optional, Sequence, Union

import numpy as np
import torch
from mmdet.evaluation import CocoMetric
from mmengine.fileio import get_local_path
from mmengine.logging import MMLogger

from mmhqnet.errors import InputError
from mmhqnet.files import read_json
from mmhqnet.registry import METRICS
from mmhqnet.structures.person_fields import (FIELDS, STANDARD, PersonField,
                                              fields_in)
from mmhqnet.structures.run_length_masks import encode_masks

from ..functional.ground_truth import GroundTruth
from ..functional.human_evaluation import HumanEvaluator, results_table
from ..functional.predictions import HumanPredictions
from ..functional.tasks import check_names, metrics_of


@METRICS.register_module()
class UniHumanMetric(CocoMetric):
    """AP of all person fields in one pass over the predictions.

    Box, mask and pose AP are COCO's. The AP of gender, age and every other
    category or number is that of :func:`mmhqnet.evaluation.attribute_ap`.
    Detections are ranked by their scores; masks by their mask scores, which
    hold the detection score as a factor, and face boxes by the face scores
    (HQNet, arXiv 2312.05525, sec. 5). Values have full precision and are
    called

    - ``unihuman/box_AP``, ``box_AP_50``, ``_75``, ``_S``, ``_M``, ``_L`` and
      the recalls ``box_AR``, ``_1``, ``_10``, ``_S``, ``_M``, ``_L``; the
      same for ``mask``, ``face`` and, but for small persons, for ``pose``;
    - ``unihuman/box_AP_no_small`` and so on, which the paper's tables show;
    - ``unihuman/gender_AP`` and ``unihuman/age_AP`` (Age-10) for the official
      protocol, ``unihuman/gender_ignore_unlabelled_AP`` for the other one,
      ``unihuman/age5_AP`` for Age-5.

    -1 says that no labelled person falls into the area range. Without any
    prediction every value is 0.

    Args:
        ann_file: COCO-style annotation file. Defaults to None: the persons in
            the samples' ``instances``.
        metric: Rows of the table of person fields, those that the data set
            adds included. Defaults to box, mask, pose, gender and age.
        protocol: How the AP of attributes treats persons without such a
            label: 'official' (the paper's numbers; they are removed, so that
            detecting them is wrong), 'ignore_unlabelled', or both.
        age_error: n of Age-n AP. Defaults to 10.
        exclude_small: Also report AP without persons below 32^2 pixels.
        backend: 'pycocotools', 'faster_coco_eval' or 'hotcoco', with equal
            results.
        crowding_bounds: Where medium and where hard images begin. Only for
            images with CrowdPose's ``crowdIndex``, which get
            ``pose_AP_easy``, ``pose_AP_medium`` and ``pose_AP_hard``.
            Defaults to (0.1, 0.8) as in CrowdPose's paper; its evaluation
            code has (0.2, 0.8).
        format_only: Only write result files; needs no annotations.
        outfile_prefix: Where to write COCO result files: PREFIX.bbox.json,
            .segm.json, .keypoints.json, .attributes.json, .face.json.
            Defaults to None, no files.
        backend_args: Storage that ``ann_file`` is on.
        collect_device: 'cpu' or 'gpu'.
        prefix: Of the values' names. Defaults to 'unihuman'.

    Raises:
        InputError: An unknown name, a backend that is not installed, a
            malformed annotation file, or a metric of a task that the model
            does not predict.
    """
    default_prefix: Optional[str] = 'unihuman'

    def __init__(self,
                 ann_file: Optional[str] = None,
                 metric: Union[str, Sequence[str]] = STANDARD,
                 protocol: Union[str, Sequence[str]] = 'official',
                 age_error: Union[None, float, Sequence[float]] = None,
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
        self.fields: Mapping[str, PersonField] = FIELDS
        self.ann_file = ann_file
        self._annotations = None
        if ann_file is not None:
            with get_local_path(ann_file, backend_args) as path:
                self._annotations = read_json(path, ann_file)
        self._ground_truth = None

    @property
    def dataset_meta(self) -> Optional[dict]:
        """Metainfo of the data set, with the table of person fields."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: Optional[dict]) -> None:
        self._dataset_meta = meta
        self.fields = fields_in(meta)
        check_names(self.metrics, metrics_of(self.fields), 'metric')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what the evaluation needs of a batch, small and on the CPU.

        Args:
            data_batch: Not used.
            data_samples: Samples with ``img_id``, ``ori_shape`` and
                ``pred_instances``: ``bboxes`` (n, 4) xyxy in pixels,
                ``scores`` (n,), ``labels`` (n,) and, as far as the metrics
                need them, the columns of the table of person fields;
                ``masks`` are (n, H, W) bool or n RLE.

        Raises:
            InputError: A column that a metric needs is missing, the
                annotation file is malformed, it lacks an image, or an image
                has another size than its masks.
        """
        for sample in data_samples:
            pred = sample['pred_instances']
            self._check_columns(pred, sample['img_id'])
            record = dict(img_id=sample['img_id'])
            for column in self._arrays():
                if column in pred:
                    record[column] = _to_numpy(pred[column])
            if 'mask' in self.metrics and len(pred['scores']):
                record['masks'] = encode_masks(pred['masks'])
            self._leave_out_non_finite(record)
            if self.ann_file is None:
                record['ori_shape'] = sample['ori_shape']
                record['instances'] = sample.get('instances')
            elif not self.format_only:  # fail now rather than at the end
                masks = record.get('masks')
                self._read_ground_truth().check_prediction(
                    record['img_id'], masks[0]['size'] if masks else None)
            self.results.append(record)

    def _arrays(self) -> List[str]:
        """Columns of ``pred_instances`` that are kept as they are."""
        columns = [
            column for field in self.fields.values() if field.is_evaluated
            for column in field.pred_columns
        ]
        return ['labels', *(name for name in columns if name != 'masks')]

    def _leave_out_non_finite(self, record: dict) -> None:
        """Leave out persons with NaN somewhere, of a model that diverged.

        pycocotools would match NaN with anything.
        """
        columns = [column for column in self._arrays() if column in record]
        finite = np.ones(len(record['scores']), bool)
        for column in columns:
            inner = tuple(range(1, record[column].ndim))
            finite &= np.isfinite(record[column]).all(axis=inner)
        if finite.all():
            return
        # In the same words for every image, so that it is shown once.
        warnings.warn('predictions that hold NaN or infinity are left out; '
                      'has the model diverged?')
        record.update({column: record[column][finite] for column in columns})
        if 'masks' in record:
            record['masks'] = list(compress(record['masks'], finite))

    def _check_columns(self, pred: dict, img_id) -> None:
        for metric in self.metrics:
            column = self.fields[metric].column
            if column not in pred and len(pred['scores']):
                raise InputError(
                    f"metric '{metric}' needs pred_instances.{column}, but "
                    f'the model predicts none (image {img_id}); switch its '
                    f"task on, or take '{metric}' out of the evaluator's "
                    'metric')

    def _read_ground_truth(self, results: Sequence[dict] = ()) -> GroundTruth:
        options = dict(
            classes=self._classes(), metrics=self.metrics, fields=self.fields)
        if self.ann_file is None:
            return GroundTruth.from_samples(results, **options)
        if self._ground_truth is None:
            self._ground_truth = GroundTruth(
                self._annotations, source=self.ann_file, **options)
        return self._ground_truth

    def _classes(self) -> Sequence[str]:
        return (self.dataset_meta or {}).get('classes', ('person', ))

    def _category_ids(self) -> List[int]:
        """Ids to write of unlabelled images: the file's, or COCO's order."""
        if self.ann_file is None:
            return list(range(1, len(self._classes()) + 1))
        content = self._annotations
        if isinstance(content, dict):  # as that of a test set
            content = dict(content, images=[], annotations=[])
        return GroundTruth(
            content, self._classes(), source=self.ann_file).cat_ids

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Values by name, without prefix; none if ``format_only``."""
        logger = MMLogger.get_current_instance()
        if self.format_only:
            cat_ids = self._category_ids()
        else:
            ground_truth = self._read_ground_truth(results)
            cat_ids = ground_truth.cat_ids
        predictions = HumanPredictions(results, cat_ids, self.fields)
        if self.outfile_prefix is not None:
            paths = predictions.write(self.outfile_prefix, self.metrics)
            logger.info(f'results are saved in {", ".join(paths.values())}')
        if self.format_only:
            return {}
        values = self.evaluator.evaluate(ground_truth, predictions)
        logger.info('\n' + results_table(values))
        return values


def _to_numpy(values) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)
