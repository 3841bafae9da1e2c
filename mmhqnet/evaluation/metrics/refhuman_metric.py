"""Pose and mask of the person that a prompt means, per kind of prompt."""
from typing import Dict, List, Sequence

import numpy as np

from mmhqnet.errors import InputError
from mmhqnet.registry import METRICS

from ..functional.referring import (HEAD, count_correct_joints, mask_overlap,
                                    referring_scores)
from .unihuman_metric import UniHumanMetric


@METRICS.register_module()
class RefHumanMetric(UniHumanMetric):
    """Pose AP and mask AP of all groups, PCKh and oIoU of the best one.

    AP is COCO's over all predictions of a sample, as :class:`UniHumanMetric`
    computes it. Values are called ``refhuman/point_pose_AP``,
    ``refhuman/text_oIoU`` and so on; see :func:`referring_scores`. A sample
    without any prediction has no correct joint and an empty mask.

    Raises:
        InputError: Samples without prompt or ground truth, and those of
            :class:`UniHumanMetric`.
    """
    default_prefix = 'refhuman'

    def __init__(self,
                 *args,
                 metric: Sequence[str] = ('pose', 'mask'),
                 **kwargs) -> None:
        super().__init__(*args, metric=metric, **kwargs)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what the evaluation needs of a batch.

        Samples are as :class:`UniHumanMetric` takes them, with ``prompt`` and
        ``gt_instances`` of one person, whose ``masks``, ``keypoints`` and
        ``keypoints_visible`` are in pixels of the original image.
        """
        first = len(self.results)
        super().process(data_batch, data_samples)
        for record, sample in zip(self.results[first:], data_samples):
            if 'prompt' not in sample or len(
                    sample.get('gt_instances', {}).get('bboxes', ())) != 1:
                raise InputError(
                    f'RefHumanMetric: sample {sample["img_id"]} has no prompt '
                    'or not one person as ground truth; load annotations '
                    'after resizing and pack them with PackRefInputs')
            record['kind'] = sample['prompt'].kind
            record.update(self._compare(sample))

    def _compare(self, sample: dict) -> dict:
        """Joints and overlap of the best prediction."""
        gt, pred = sample['gt_instances'], sample['pred_instances']
        target = gt['masks'].to_ndarray()[0]
        if not len(pred['scores']):
            joints = np.full(gt['keypoints'][0].shape, np.inf)
            mask = np.zeros_like(target)
        else:
            best = int(pred['scores'].argmax())
            joints = np.asarray(pred['keypoints'][best].cpu())
            mask = np.asarray(pred['masks'][best].cpu())
        return dict(
            joints=count_correct_joints(
                joints, np.asarray(gt['keypoints'][0].cpu()),
                np.asarray(gt['keypoints_visible'][0].cpu()), self._head()),
            overlap=mask_overlap(mask, target))

    def _head(self) -> Sequence[int]:
        names = (self.dataset_meta or {}).get('keypoint_id2name')
        if not names:
            return HEAD
        ids = {name: number for number, name in names.items()}
        try:
            return ids['left_ear'], ids['right_ear']
        except KeyError as error:
            raise InputError('RefHumanMetric: PCKh measures in heads, but '
                             f'these keypoints have no {error}') from error

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Values of each kind of prompt by name, without prefix."""
        values = {}
        for kind in sorted({record['kind'] for record in results}):
            records = [rec for rec in results if rec['kind'] == kind]
            found = super().compute_metrics(records)
            found.update(
                referring_scores([record['joints'] for record in records],
                                 [record['overlap'] for record in records]))
            values.update({
                f'{kind}_{name}': value
                for name, value in found.items()
            })
        return values
