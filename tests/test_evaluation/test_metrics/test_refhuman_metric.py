from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.evaluation import RefSegMetric
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from mmhqnet.errors import InputError
from mmhqnet.evaluation import RefHumanMetric
from mmhqnet.structures import Point, Text

DATA = Path(__file__).parents[2] / 'data/parity/uniphd/metrics.npz'


@pytest.fixture(scope='module')
def samples():
    """The eight samples with three groups that the release evaluated."""
    with np.load(DATA) as file:
        data = dict(file)
    height, width = data['mask_size'].tolist()

    def unpacked(masks):
        return np.unpackbits(masks, axis=-1)[..., :width]

    samples = []
    for number, keypoints in enumerate(data['gt_keypoints']):
        mask = unpacked(data['gt_masks'][number])[None]
        x, y, w, h = data['gt_bbox'][number].tolist()
        instance = dict(
            bbox=[x, y, x + w, y + h],
            bbox_label=0,
            ignore_flag=0,
            area=float(data['gt_area'][number]),
            keypoints=keypoints,
            gender=-1,
            age=-1,
            mask=_rle(mask[0]))
        samples.append(
            dict(
                img_id=number + 1,
                ori_shape=(height, width),
                instances=[instance],
                prompt=Point(1, 2),
                gt_instances=InstanceData(
                    bboxes=torch.tensor([instance['bbox']]),
                    masks=BitmapMasks(mask, height, width),
                    keypoints=torch.tensor(keypoints[None, :, :2]),
                    keypoints_visible=torch.tensor(keypoints[None, :, 2])),
                pred_instances=dict(
                    bboxes=torch.tensor([[10., 10, 60, 60]] * 3),
                    labels=torch.zeros(3, dtype=torch.long),
                    scores=torch.tensor(data['scores'][number]),
                    mask_scores=torch.tensor(data['scores'][number]),
                    masks=torch.tensor(unpacked(
                        data['pred_masks'][number])).bool(),
                    keypoints=torch.tensor(
                        data['pred_keypoints'][number][..., :2]),
                    keypoint_scores=torch.tensor(
                        data['pred_keypoints'][number][..., 2]))))
    return samples, data


def _rle(mask):
    from pycocotools import mask as mask_utils
    return mask_utils.encode(np.asfortranarray(mask, np.uint8))


def evaluate(samples):
    metric = RefHumanMetric()
    metric.dataset_meta = dict(classes=('person', ))
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_equal_to_the_released_evaluation(samples):
    samples, data = samples
    values = evaluate(samples)
    for name, key in (('PCKh', 'pckh'), ('oIoU', 'oiou'), ('mIoU', 'miou')):
        assert values[f'refhuman/point_{name}'] == pytest.approx(
            data[key], rel=2e-6)
    for number, name in enumerate(('AP', 'AP_50', 'AP_75', 'AP_M', 'AP_L')):
        assert values[f'refhuman/point_pose_{name}'] == pytest.approx(
            data['pose_ap'][number], abs=1e-9)
    # The sizes of its detections are those of constant boxes, of ours masks.
    for number, name in enumerate(('AP', 'AP_50', 'AP_75')):
        assert values[f'refhuman/point_mask_{name}'] == pytest.approx(
            data['mask_ap'][number], abs=1e-9)


def test_overlaps_are_those_of_mmdet(samples):
    samples, _ = samples
    values = evaluate(samples)
    metric = RefSegMetric(metric=('cIoU', 'mIoU'))
    masks = [
        dict(
            pred_instances=dict(masks=sample['pred_instances']['masks'][
                [int(sample['pred_instances']['scores'].argmax())]]),
            gt_masks=sample['gt_instances'].masks) for sample in samples
    ]
    metric.process({}, masks)
    found = metric.evaluate(len(samples))
    assert found['cIoU'] == pytest.approx(100 * values['refhuman/point_oIoU'])
    assert found['mIoU'] == pytest.approx(100 * values['refhuman/point_mIoU'])


def test_kinds_are_evaluated_apart(samples):
    samples, _ = samples
    texts = [dict(sample, prompt=Text('left')) for sample in samples[:3]]
    values = evaluate(samples + texts)
    assert values['refhuman/point_oIoU'] == evaluate(
        samples)['refhuman/point_oIoU']
    assert values['refhuman/text_oIoU'] == evaluate(
        texts)['refhuman/text_oIoU']


def test_no_prediction_is_an_empty_mask(samples):
    samples, _ = samples
    nobody = dict(samples[0])
    nobody['pred_instances'] = {
        key: value[:0]
        for key, value in nobody['pred_instances'].items()
    }
    values = evaluate([nobody])
    assert values['refhuman/point_oIoU'] == 0
    assert values['refhuman/point_PCKh'] == 0


def test_samples_without_prompt_or_target_are_refused(samples):
    samples, _ = samples
    for key in ('prompt', 'gt_instances'):
        sample = dict(samples[0])
        del sample[key]
        with pytest.raises(InputError, match='sample 1'):
            evaluate([sample])
