"""PoseTrack21Dataset on files of its format, written here."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from PIL import Image

from mmhqnet.datasets.posetrack21 import PoseTrack21Dataset
from mmhqnet.errors import InputError
from mmhqnet.registry import DATASETS, METRICS

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)  # width, height
TRIANGLE = ([1, 20, 1], [2, 2, 30])


def write_sequence(root, name, gt, regions=None, num_frames=3):
    """A sequence in PoseTrack21's layout with random pixels."""
    rng = np.random.default_rng(0)
    images = root / 'images' / 'val' / name
    images.mkdir(parents=True)
    info = []
    for i in range(num_frames):
        pixels = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
        Image.fromarray(pixels).save(images / f'{i:06d}.jpg')
        xs, ys = (regions or {}).get(i, ([], []))
        info.append(
            dict(
                file_name=f'images/val/{name}/{i:06d}.jpg',
                id=int(name[:6]) * 10000 + i,
                frame_id=int(name[:6]) * 10000 + i,
                vid_id=name[:6],
                frame_index=i + 1,
                ignore_regions_x=xs,
                ignore_regions_y=ys))
    folder = root / 'posetrack_mot' / 'mot' / 'val' / name
    (folder / 'gt').mkdir(parents=True)
    (folder / 'image_info.json').write_text(json.dumps(info))
    (folder / 'gt' / 'gt.txt').write_text(gt)
    return folder


GT = '\n'.join([
    '1,0,1.5,2,10.25,20,1,-1,-1,-1',
    '1,3,30,5,12,24,1,-1,-1,-1',
    '3,0,4,2,10,20,1,-1,-1,-1',
    '3,8,40,30,30,30,1,-1,-1,-1',  # reaches out of the image
    '3,9,70,5,10,10,1,-1,-1,-1',  # outside
    '3,7,5,5,0.5,10,1,-1,-1,-1',  # less than a pixel
    '3,6,5,5,10,10,0,-1,-1,-1',  # not to be evaluated
]) + '\n'


@pytest.fixture
def root(tmp_path):
    regions = {
        0: ([TRIANGLE[0], []], [TRIANGLE[1], []]),  # list, one empty
        1: TRIANGLE  # a single polygon without outer list
    }
    write_sequence(tmp_path, '000002_mpii', GT, regions)
    write_sequence(tmp_path, '000001_bonn', '2,0,1,1,9,9,1,-1,-1,-1\n')
    return tmp_path


def build(root, **kwargs):
    kwargs = dict(dict(test_mode=True, pipeline=[]), **kwargs)
    return PoseTrack21Dataset(
        data_root=str(root), ann_file='posetrack_mot/mot/val', **kwargs)


def test_videos_and_frames(root):
    dataset = build(root)
    assert len(dataset) == 2
    first, second = (dataset.get_data_info(i) for i in range(2))
    assert first['video_name'] == '000001_bonn'
    assert second['video_name'] == '000002_mpii'
    assert first['video_id'] != second['video_id']
    assert second['video_length'] == len(second['images']) == 3
    frame = second['images'][2]
    assert frame['frame_id'] == 2  # from 0, unlike in the file
    assert frame['img_id'] == 20002
    assert (frame['width'], frame['height']) == SIZE
    assert Path(frame['img_path']).is_file()
    assert frame['video_name'] == '000002_mpii'


def test_identities_include_zero(root):
    frames = build(root).get_data_info(1)['images']
    ids = [[p['instance_id'] for p in f['instances']] for f in frames]
    assert ids == [[0, 3], [], [0, 8, 9, 7]]
    person = frames[0]['instances'][0]
    assert person['bbox'] == [1.5, 2.0, 11.75, 22.0]
    assert person['bbox_label'] == 0 and person['ignore_flag'] == 0


def test_training_drops_what_cannot_be_learnt(root):
    dataset = build(root, test_mode=False)
    images = dataset.get_data_info(1)['images']
    # The empty frame goes; so do the persons outside and without a size.
    assert [f['frame_id'] for f in images] == [0, 2]
    assert [p['instance_id'] for p in images[1]['instances']] == [0, 8]
    assert dataset.num_all_imgs == 3
    keep = build(root, test_mode=False, filter_cfg=dict(filter_empty_gt=False))
    assert keep.num_all_imgs == 6


def test_ignore_regions(root):
    frames = build(root).get_data_info(1)['images']
    expected = np.array(TRIANGLE).T
    for frame in frames[:2]:
        polygon, = frame['ignore_regions']
        np.testing.assert_array_equal(polygon, expected)
    assert frames[2]['ignore_regions'] == []


@pytest.fixture
def config(root):
    config = Config.fromfile(ROOT / 'configs' / '_base_' / 'datasets' /
                             'posetrack21_mot.py')
    config.test_dataloader.dataset.data_root = str(root)
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    return config


def test_config_feeds_a_tracker(config):
    dataset = DATASETS.build(config.test_dataloader.dataset)
    packed = dataset[1, 0]  # second video, first frame
    sample, = packed['data_samples'].video_data_samples
    assert sample.video_name == '000002_mpii'
    assert sample.frame_id == 0 and sample.ori_video_length == 3
    assert sample.gt_instances.instances_ids.tolist() == [0, 3]
    assert len(sample.ignore_regions) == 1
    assert packed['inputs'].shape[0] == 1
    assert len(sample.instances) == 2


def test_config_scores_a_perfect_tracker(config):
    loader = Runner.build_dataloader(config.test_dataloader)
    metric = METRICS.build(config.test_evaluator)
    for batch in loader:
        for tracks in batch['data_samples']:
            frame, = tracks.video_data_samples
            # The tracker's boxes are those of the image before resizing.
            boxes = [p['bbox'] for p in frame.instances]
            frame.pred_track_instances = InstanceData(
                instances_id=frame.gt_instances.instances_ids,
                bboxes=torch.tensor(boxes).reshape(-1, 4))
        metric.process(batch, [t.to_dict() for t in batch['data_samples']])
    results = metric.evaluate(len(loader))
    # int() takes the width of the thin box: it overlaps nothing any more.
    assert results['posetrack21/GT'] == 7
    assert results['posetrack21/TP'] == results['posetrack21/IDTP'] == 6
    assert results['posetrack21/IDSW'] == 0


@pytest.mark.parametrize('line, message', [
    ('1,0,1,2,3,4', '6 columns'),
    ('one,0,1,2,3,4,1,-1,-1,-1', "frame is 'one', must be an integer"),
    ('1.5,0,1,2,3,4,1,-1,-1,-1', 'frame'),
    ('1,x,1,2,3,4,1,-1,-1,-1', "id is 'x'"),
    ('1,1e300,1,2,3,4,1,-1,-1,-1', "id is '1e300'"),
    ('1,inf,1,2,3,4,1,-1,-1,-1', "id is 'inf'"),
    ('1,0,nan,2,3,4,1,-1,-1,-1', 'left'),
    ('1,0,1,,3,4,1,-1,-1,-1', 'top'),
    ('1,0,1,2,-3,4,1,-1,-1,-1', 'negative'),
    ('1,0,1,2,3,4,yes,-1,-1,-1', 'confidence'),
    ('4,0,1,2,3,4,1,-1,-1,-1', 'frame 4 is outside'),
    ('0,0,1,2,3,4,1,-1,-1,-1', 'frame 0 is outside'),
    ('2,5,1,2,3,4,1,-1,-1,-1', 'id 5 occurs twice in frame 2'),
])
def test_malformed_tracks(tmp_path, line, message):
    gt = f'2,5,1,2,3,4,1,-1,-1,-1\n{line}\n'
    write_sequence(tmp_path, '000001_bonn', gt)
    with pytest.raises(InputError) as error:
        build(tmp_path)
    text = str(error.value)
    assert message in text and 'gt.txt, line 2' in text
    assert '\n' not in text


@pytest.mark.parametrize('change, message', [
    (dict(frame_index=3), "'frame_index' is 3"),
    (dict(frame_index=None), "'frame_index' is None"),
    (dict(file_name=7), "'file_name'"),
    (dict(id='a'), "'id'"),
    (dict(ignore_regions_x=5), "'ignore_regions_x' must be a list"),
    (dict(ignore_regions_x=[[1, 2, 3]]), 'equally long'),
    (dict(ignore_regions_x=[[1, 2, 3], 4]), 'equally long'),
    (dict(ignore_regions_x=[[1, 2, 3]], ignore_regions_y=[4]), 'equally'),
    (dict(ignore_regions_x=[[1, 2]], ignore_regions_y=[[1, 2]]), 'three'),
    (dict(ignore_regions_x='abc', ignore_regions_y=[[1, 2, 3]]), 'a list'),
    (dict(ignore_regions_x=[[1, 2, 'c']], ignore_regions_y=[[1, 2, 3]
                                                            ]), 'numbers'),
])
def test_malformed_image_info(tmp_path, change, message):
    folder = write_sequence(tmp_path, '000001_bonn', '')
    path = folder / 'image_info.json'
    info = json.loads(path.read_text())
    info[1].update(change)
    path.write_text(json.dumps(info))
    with pytest.raises(InputError) as error:
        build(tmp_path)
    text = str(error.value)
    assert message in text and 'image_info.json, frame 2' in text


@pytest.mark.parametrize('content, message', [
    ('[\n{"id": 1,\n', 'line 3'),
    ('{}', 'list of frames'),
    ('[]', 'list of frames'),
    ('[3]', 'frame 1: must be an object'),
])
def test_image_info_of_the_wrong_kind(tmp_path, content, message):
    folder = write_sequence(tmp_path, '000001_bonn', '')
    (folder / 'image_info.json').write_text(content)
    with pytest.raises(InputError, match=message):
        build(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match='no such folder'):
        build(tmp_path)
    (tmp_path / 'posetrack_mot' / 'mot' / 'val').mkdir(parents=True)
    with pytest.raises(InputError, match='no <sequence>'):
        build(tmp_path)
    folder = write_sequence(tmp_path, '000001_bonn', GT)
    (folder / 'gt' / 'gt.txt').unlink()
    with pytest.raises(InputError, match='gt.txt: cannot read'):
        build(tmp_path)
    (folder / 'gt' / 'gt.txt').write_text(GT)
    (tmp_path / 'images/val/000001_bonn/000000.jpg').write_bytes(b'no')
    with pytest.raises(InputError, match='000000.jpg: cannot read'):
        build(tmp_path)
