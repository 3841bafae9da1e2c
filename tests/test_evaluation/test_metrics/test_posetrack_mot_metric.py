"""PoseTrackMOTMetric: from samples to numbers, files and back."""
import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmengine.structures import InstanceData

from mmhqnet.errors import InputError
from mmhqnet.evaluation.metrics.posetrack_mot_metric import (
    PoseTrackMOTMetric, evaluate_result_files, evaluate_sequence)
from mmhqnet.registry import METRICS

ANNA, BEN = [0., 0., 10., 20.], [100., 0., 110., 20.]  # xyxy
CROWD_BOX = [400., 400., 500., 500.]
CROWD = np.array([[400, 400], [500, 400], [500, 500], [400, 500]], float)


def make_frame(video, index, length, persons, tracks, regions=()):
    sample = DetDataSample(
        metainfo=dict(
            video_name=video,
            frame_id=index,
            ori_video_length=length,
            ignore_regions=list(regions),
            instances=[
                dict(instance_id=i, bbox=box) for i, box in persons.items()
            ]))
    sample.pred_track_instances = InstanceData(
        instances_id=torch.tensor(list(tracks), dtype=torch.long),
        bboxes=torch.tensor(list(tracks.values())).reshape(-1, 4),
        scores=torch.ones(len(tracks)))
    return sample


def evaluate(metric, frames):
    """One call per frame, as with mmdet's TrackImgSampler."""
    for frame in frames:
        track_sample = TrackDataSample()
        track_sample.video_data_samples = [frame]
        metric.process({}, [track_sample.to_dict()])
    return metric.evaluate(len(frames))


def swapped_video(name='swap'):
    """Four frames of two persons; their tracks swap in the last one."""
    persons = {0: ANNA, 1: BEN}
    tracks = [{0: ANNA, 1: BEN}] * 3 + [{1: ANNA, 0: BEN}]
    return [
        make_frame(name, i, 4, persons, t, [CROWD])
        for i, t in enumerate(tracks)
    ]


def crowd_video(name='crowd'):
    """Two frames of one person, and a track on the ignore region."""
    return [
        make_frame(name, i, 2, {0: ANNA}, {
            0: ANNA,
            7: CROWD_BOX
        }, [CROWD]) for i in range(2)
    ]


def test_overall_and_per_sequence():
    metric = PoseTrackMOTMetric(per_sequence=True)
    results = evaluate(metric, swapped_video() + crowd_video())
    results = {k.replace('posetrack21/', ''): v for k, v in results.items()}
    # swap: 8 GT, 8 TP, 2 IDSW, 6 IDTP. crowd: 2 GT, 2 TP, 2 FP, 2 IDTP.
    assert results['swap/MOTA'] == pytest.approx(1 - 2 / 8)
    assert results['swap/IDF1'] == pytest.approx(12 / 16)
    assert results['crowd/MOTA'] == pytest.approx(1 - 2 / 2)
    assert results['crowd/IDF1'] == pytest.approx(4 / 6)
    assert results['MOTA'] == pytest.approx(1 - 4 / 10)
    assert results['IDF1'] == pytest.approx(16 / 22)
    counts = [results[k] for k in ('GT', 'TP', 'FP', 'FN', 'IDSW', 'IDTP')]
    assert counts == [10, 10, 2, 0, 2, 8]


def test_ignore_regions_are_off_by_default():
    on = evaluate(PoseTrackMOTMetric(use_ignore_regions=True), crowd_video())
    off = evaluate(PoseTrackMOTMetric(), crowd_video())
    assert on['posetrack21/MOTA'] == on['posetrack21/IDF1'] == 1
    assert off['posetrack21/FP'] == 2
    assert set(on) == set(off)
    assert 'posetrack21/swap/MOTA' not in off


def test_order_and_batching_of_frames_do_not_matter():
    frames = swapped_video() + crowd_video()
    expected = evaluate(PoseTrackMOTMetric(), frames)
    assert evaluate(PoseTrackMOTMetric(), frames[::-1]) == expected

    metric = PoseTrackMOTMetric()
    for video in (swapped_video(), crowd_video()):
        track_sample = TrackDataSample()
        track_sample.video_data_samples = video
        metric.process({}, [track_sample.to_dict()])
    assert metric.evaluate(2) == expected


def test_no_predictions_give_zeros():
    frames = [make_frame('a', i, 3, {0: ANNA}, {}) for i in range(3)]
    results = evaluate(PoseTrackMOTMetric(use_ignore_regions=True), frames)
    assert results['posetrack21/MOTA'] == results['posetrack21/IDF1'] == 0
    assert results['posetrack21/FN'] == 3


def test_second_evaluation_starts_afresh():
    metric = PoseTrackMOTMetric()
    first = evaluate(metric, swapped_video())
    assert evaluate(metric, swapped_video()) == first


def test_ground_truth_is_cut_to_integers():
    # 10.9 wide becomes 10: the IoU with a box of width 20 is exactly 0.5.
    gt = (np.array([0]), np.array([[0.9, 0.2, 10.9, 20.0]]))
    pred = (np.array([0]), np.array([[0.0, 0.0, 20.0, 20.0]]))
    assert evaluate_sequence('a', [gt], [pred]).tp == 1
    wider = (np.array([0]), np.array([[0.0, 0.0, 20.1, 20.0]]))
    assert evaluate_sequence('a', [gt], [wider]).tp == 0


def test_size_survives_corner_format():
    # Integer GT after int() must not depend on x + w - x in floating point.
    rng = np.random.default_rng(0)
    for x, w in rng.integers(1, 10**6, (200, 2)) / 1000:
        w = np.ceil(w)
        person = make_frame('a', 0, 1, {0: [x, 0., x + w, 10.]}, {})
        metric = PoseTrackMOTMetric()
        metric.process_image([person], 1)
        assert int(metric.results[0]['gt'][1][0, 2]) == w


def test_format_only_writes_files_and_no_numbers(tmp_path):
    metric = PoseTrackMOTMetric(
        format_only=True, outfile_prefix=str(tmp_path / 'out'))
    assert evaluate(metric, swapped_video() + crowd_video()) == {}
    names = sorted(p.name for p in (tmp_path / 'out').iterdir())
    assert names == ['crowd.txt', 'swap.txt']
    with pytest.raises(InputError, match='outfile_prefix'):
        PoseTrackMOTMetric(format_only=True)


def write_ground_truth(folder, frames):
    """The same frames as the data set's files."""
    video, length = frames[0].video_name, len(frames)
    (folder / video / 'gt').mkdir(parents=True)
    info = [
        dict(
            file_name=f'{i:06d}.jpg',
            id=i,
            frame_index=i + 1,
            ignore_regions_x=[CROWD[:, 0].tolist()],
            ignore_regions_y=[CROWD[:, 1].tolist()]) for i in range(length)
    ]
    (folder / video / 'image_info.json').write_text(json.dumps(info))
    rows = [
        f'{f.frame_id + 1},{p["instance_id"]},{x1},{y1},{x2 - x1},{y2 - y1},'
        '1,-1,-1,-1' for f in frames for p in f.instances
        for x1, y1, x2, y2 in [p['bbox']]
    ]
    (folder / video / 'gt' / 'gt.txt').write_text('\n'.join(rows))


@pytest.mark.parametrize('use_ignore_regions', [False, True])
def test_files_give_the_numbers_of_the_metric(tmp_path, use_ignore_regions):
    metric = PoseTrackMOTMetric(
        use_ignore_regions=use_ignore_regions,
        outfile_prefix=str(tmp_path / 'out'))
    online = evaluate(metric, swapped_video() + crowd_video())
    write_ground_truth(tmp_path / 'gt', swapped_video())
    write_ground_truth(tmp_path / 'gt', crowd_video())

    counts = evaluate_result_files(
        str(tmp_path / 'gt'), str(tmp_path / 'out'), use_ignore_regions)
    overall = counts['swap'] + counts['crowd']
    assert overall.summary() == {
        key.replace('posetrack21/', ''): value
        for key, value in online.items()
    }


def test_sequence_without_result_file_is_all_missed(tmp_path):
    write_ground_truth(tmp_path / 'gt', swapped_video())
    with pytest.raises(InputError, match='out: no such folder'):
        evaluate_result_files(str(tmp_path / 'gt'), str(tmp_path / 'out'))
    (tmp_path / 'out').mkdir()
    counts = evaluate_result_files(str(tmp_path / 'gt'), str(tmp_path / 'out'))
    assert counts['swap'].summary()['FN'] == counts['swap'].num_gt == 8
    assert counts['swap'].mota == 0


def test_incomplete_video_is_refused():
    with pytest.raises(InputError, match='3 of 4 frames of sequence swap'):
        evaluate(PoseTrackMOTMetric(), swapped_video()[:3])


def test_missing_metainfo_is_refused():
    frame = make_frame('a', 0, 1, {0: ANNA}, {0: ANNA})
    del frame.video_name
    with pytest.raises(InputError, match='lack video_name'):
        PoseTrackMOTMetric().process_image([frame], 1)


def test_double_track_names_the_sequence():
    frame = (np.array([1, 1]), np.array([ANNA, BEN]))
    empty = (np.zeros(0, int), np.zeros((0, 4)))
    with pytest.raises(InputError, match='sequence 000342_mpii, frame 1'):
        evaluate_sequence('000342_mpii', [empty], [frame])


def test_builds_from_a_config():
    metric = METRICS.build(
        dict(type='PoseTrackMOTMetric', use_ignore_regions=True))
    assert metric.use_ignore_regions
