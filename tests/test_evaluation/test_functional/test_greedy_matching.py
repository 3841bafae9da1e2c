"""The vectorised matching against pycocotools, bit for bit."""
import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmhqnet.evaluation.functional.greedy_matching import (AREA_RANGES,
                                                           CandidatePairs,
                                                           average_precision,
                                                           match_detections,
                                                           rank_within)


def random_persons(rng, num_images=12):
    annotations, results = [], []
    for image_id in range(num_images):
        for _ in range(rng.integers(0, 6)):
            size = rng.choice([15, 30, 60, 150])
            box = np.r_[rng.uniform(0, 50, 2), rng.uniform(.7, 1.3, 2) * size]
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=1,
                    bbox=box.tolist(),
                    area=float(box[2] * box[3]),
                    iscrowd=int(rng.random() < .15)))
            for _ in range(rng.integers(0, 6)):
                noisy = box + rng.normal(size=4) * size * rng.choice([0, .1])
                results.append(
                    dict(
                        image_id=image_id,
                        category_id=1,
                        bbox=np.maximum(noisy, 1).tolist(),
                        score=float(rng.integers(20)) / 20))
    return annotations, results


@pytest.mark.parametrize('seed', range(8))
def test_equals_pycocotools(seed):
    annotations, results = random_persons(np.random.default_rng(seed))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=i) for i in range(12)],
            annotations=annotations,
            categories=[dict(id=1)])
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(results), 'bbox')
        evaluator.params.areaRng = list(map(list, AREA_RANGES.values()))
        evaluator.params.maxDets = [3, 100]
        evaluator.evaluate()
        evaluator.accumulate()

    # Detections in the order of COCO, all pairs of one image.
    dets = sorted(results, key=lambda det: (det['image_id'], -det['score']))
    det_image = np.array([det['image_id'] for det in dets])
    gt_image = np.array([gt['image_id'] for gt in annotations])
    rows, columns, ious = [], [], []
    for (image, _), iou in evaluator.ious.items():
        if len(iou):
            row, column = np.nonzero(iou >= .5)
            rows.append(row + np.searchsorted(det_image, image))
            columns.append(column + np.searchsorted(gt_image, image))
            ious.append(iou[row, column])
    rows = np.concatenate(rows)
    pairs = CandidatePairs(rows, np.concatenate(columns), np.concatenate(ious),
                           np.ones(len(rows), bool))
    low, high = np.array(list(AREA_RANGES.values())).T[..., None]
    det_areas = np.array([det['area'] for det in dets])
    gt_areas = np.array([gt['area'] for gt in annotations])
    crowd = np.array([gt['iscrowd'] for gt in annotations], bool)
    ignored = crowd | (gt_areas < low) | (gt_areas > high)
    matching = match_detections(pairs, det_image,
                                (det_areas < low) | (det_areas > high),
                                ignored, crowd)
    scores = np.array([det['score'] for det in dets])
    num_gts = np.count_nonzero(~ignored, axis=1)
    for index, max_dets in enumerate((3, 100)):
        precision, recall = average_precision(
            matching, scores, num_gts,
            rank_within(det_image) < max_dets)
        np.testing.assert_array_equal(
            precision.transpose(1, 2, 0),
            evaluator.eval['precision'][:, :, 0, :, index])
        np.testing.assert_array_equal(recall.T,
                                      evaluator.eval['recall'][:, 0, :, index])


def test_nothing_to_match():
    nothing = np.zeros(0, int)
    matching = match_detections(
        CandidatePairs(nothing, nothing, np.zeros(0), np.zeros(0, bool)),
        nothing, np.zeros((1, 0), bool), np.zeros((1, 0), bool),
        np.zeros(0, bool))
    assert matching.matched.shape == (1, 10, 0)
    precision, recall = average_precision(matching, np.zeros(0), np.array([2]))
    assert precision.max() == recall.max() == 0
    precision, recall = average_precision(matching, np.zeros(0), np.array([0]))
    assert precision.max() == recall.max() == -1


def test_rank_within():
    groups = np.array([2, 2, 2, 5, 7, 7])
    assert rank_within(groups).tolist() == [0, 1, 2, 0, 0, 1]
    assert rank_within(groups[:0]).tolist() == []
