"""Our counts against py-motmetrics and TrackEval, two independent codes.

Real tracks: TUD-Campus and TUD-Stadtmitte, which the motmetrics wheel
carries; the expected numbers are printed in py-motmetrics' documentation.
"""
import os.path as osp

import numpy as np
import pytest

from mmhqnet.evaluation.mot import MOTCounts, box_iou, count_sequence

SEQUENCES = ('TUD-Campus', 'TUD-Stadtmitte')
REASON = 'the cross-check needs pip install --no-deps '


@pytest.fixture(scope='module')
def motmetrics():
    pytest.importorskip('pandas', reason='motmetrics needs pandas')
    pytest.importorskip('xmltodict', reason='motmetrics needs xmltodict')
    return pytest.importorskip('motmetrics', reason=REASON + 'motmetrics')


@pytest.fixture(scope='module')
def trackeval():
    return pytest.importorskip('trackeval', reason=REASON + 'trackeval')


def load_tud(motmetrics, name):
    folder = osp.join(osp.dirname(motmetrics.__file__), 'data', name)
    gt, pred = (
        np.loadtxt(osp.join(folder, file), delimiter=',')
        for file in ('gt.txt', 'test.txt'))
    gt = gt[gt[:, 6] == 1]
    num_frames = int(max(gt[:, 0].max(), pred[:, 0].max()))

    def split(table):
        rows = [table[table[:, 0] == t + 1] for t in range(num_frames)]
        return [(r[:, 1].astype(int), r[:, 2:6]) for r in rows]

    return split(gt), split(pred)


def random_sequence(seed, spread, num_frames=40, num_persons=8):
    """Persons walk; the tracker misses, invents, jitters and swaps ids."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, spread, (num_persons, 2))
    step = rng.normal(0, 3, (num_persons, 2))
    size = rng.uniform(30, 60, (num_persons, 2))
    track_ids = rng.permutation(100)[:num_persons]
    gts, preds = [], []
    for t in range(num_frames):
        boxes = np.hstack([start + t * step, size])
        present = rng.random(num_persons) < 0.9
        gts.append((np.flatnonzero(present) * 7, boxes[present]))

        if rng.random() < 0.3:
            a, b = rng.choice(num_persons, 2, replace=False)
            track_ids[[a, b]] = track_ids[[b, a]]
        found = present & (rng.random(num_persons) < 0.8)
        jitter = rng.normal(0, 5, (found.sum(), 4))
        num_false = rng.integers(0, 3)
        false = np.hstack([
            rng.uniform(0, spread, (num_false, 2)),
            rng.uniform(30, 60, (num_false, 2))
        ])
        ids = np.concatenate([track_ids[found], 1000 + np.arange(num_false)])
        pred_boxes = np.vstack([boxes[found] + jitter, false])
        order = rng.permutation(len(ids))
        preds.append((ids[order], pred_boxes[order]))
    return gts, preds


def count_with_motmetrics(motmetrics, gts, preds):
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for (gt_ids, gt_boxes), (ids, boxes) in zip(gts, preds):
        distances = 1 - box_iou(gt_boxes, boxes)
        distances[distances > 0.5] = np.nan
        accumulator.update(gt_ids, ids, distances)
    result = motmetrics.metrics.create().compute(
        accumulator,
        metrics=[
            'idf1', 'mota', 'num_objects', 'num_detections',
            'num_false_positives', 'num_misses', 'num_switches', 'idtp',
            'idfp', 'idfn'
        ]).iloc[0]
    return dict(
        zip('IDF1 MOTA GT TP FP FN IDSW IDTP IDFP IDFN'.split(), result))


def count_with_trackeval(trackeval, gts, preds):
    gt_ids = np.unique(np.concatenate([ids for ids, _ in gts]))
    pred_ids = np.unique(np.concatenate([ids for ids, _ in preds]))
    data = dict(
        gt_ids=[np.searchsorted(gt_ids, ids) for ids, _ in gts],
        tracker_ids=[np.searchsorted(pred_ids, ids) for ids, _ in preds],
        similarity_scores=[
            box_iou(gt[1], pred[1]) for gt, pred in zip(gts, preds)
        ],
        num_gt_ids=len(gt_ids),
        num_tracker_ids=len(pred_ids),
        num_gt_dets=sum(len(ids) for ids, _ in gts),
        num_tracker_dets=sum(len(ids) for ids, _ in preds),
        num_timesteps=len(gts))
    config = dict(THRESHOLD=0.5, PRINT_CONFIG=False)
    clear = trackeval.metrics.CLEAR(config).eval_sequence(data)
    identity = trackeval.metrics.Identity(config).eval_sequence(data)
    return dict(
        IDF1=identity['IDF1'],
        MOTA=clear['MOTA'],
        GT=data['num_gt_dets'],
        TP=clear['CLR_TP'],
        FP=clear['CLR_FP'],
        FN=clear['CLR_FN'],
        IDSW=clear['IDSW'],
        IDTP=identity['IDTP'],
        IDFP=identity['IDFP'],
        IDFN=identity['IDFN'])


def test_tud_golden_numbers(motmetrics):
    counts = [count_sequence(*load_tud(motmetrics, s)) for s in SEQUENCES]
    campus, stadtmitte = (c.summary() for c in counts)
    assert round(100 * campus['IDF1'], 1) == 55.8
    assert round(100 * campus['MOTA'], 1) == 52.6
    assert [campus[key] for key in ('FP', 'FN', 'IDSW')] == [13, 150, 7]
    assert round(100 * stadtmitte['IDF1'], 1) == 64.5
    assert round(100 * stadtmitte['MOTA'], 1) == 56.4
    assert [stadtmitte[key] for key in ('FP', 'FN', 'IDSW')] == [45, 452, 7]
    overall = sum(counts, MOTCounts())
    assert round(100 * overall.idf1, 2) == 62.43
    assert round(100 * overall.mota, 2) == 55.51


@pytest.mark.parametrize('name', SEQUENCES)
def test_tud_equals_both(motmetrics, trackeval, name):
    gts, preds = load_tud(motmetrics, name)
    ours = count_sequence(gts, preds).summary()
    assert ours == pytest.approx(
        count_with_motmetrics(motmetrics, gts, preds), abs=1e-6)
    assert ours == pytest.approx(
        count_with_trackeval(trackeval, gts, preds), abs=1e-6)


@pytest.mark.parametrize('spread', [150, 1000])
@pytest.mark.parametrize('seed', range(5))
def test_random_sequences_equal_motmetrics(motmetrics, seed, spread):
    gts, preds = random_sequence(seed, spread)
    ours = count_sequence(gts, preds).summary()
    assert ours['IDSW'] > 0
    assert ours == pytest.approx(
        count_with_motmetrics(motmetrics, gts, preds), abs=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_random_sequences_equal_trackeval(trackeval, seed):
    # TrackEval forgets a pair after one frame without a match, motmetrics
    # and we never do. That shows only where several tracks could match, so
    # the persons of this test keep their distance.
    gts, preds = random_sequence(seed, spread=1000)
    ours = count_sequence(gts, preds).summary()
    assert ours['IDSW'] > 0
    assert ours == pytest.approx(
        count_with_trackeval(trackeval, gts, preds), abs=1e-6)
