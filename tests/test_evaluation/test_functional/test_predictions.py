"""Predictions as COCO results, and result files of others."""
import json

import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation import HumanPredictions, ResultFiles

RLE = dict(size=[4, 4], counts=b'88')
IMAGES = [
    dict(
        img_id=8,
        bboxes=np.array([[0, 0, 2, 4], [1, 1, 3, 2], [0, 0, 1, 1]],
                        np.float32),
        scores=np.array([.25, .5, .75], np.float32),
        labels=np.array([0, 0, 0]),
        masks=[RLE] * 3,
        mask_scores=np.array([.5, 1, .125], np.float32),
        keypoints=np.arange(12.).reshape(3, 2, 2),
        genders=np.array([0, 1, 0]),
        ages=np.array([20.5, 30, 40], np.float32)),
    dict(
        img_id=9,
        bboxes=np.zeros((0, 4)),
        scores=np.zeros(0),
        labels=np.zeros(0, int)),
]


@pytest.fixture
def predictions():
    return HumanPredictions(IMAGES, cat_ids=[5])


def test_results(predictions):
    common = dict(image_id=8, category_id=5)
    assert predictions.results('bbox') == [
        dict(common, score=.25, bbox=[0, 0, 2, 4]),
        dict(common, score=.5, bbox=[1, 1, 2, 1]),
        dict(common, score=.75, bbox=[0, 0, 1, 1])
    ]
    assert predictions.results('segm')[1] == dict(
        common, score=1, segmentation=dict(size=[4, 4], counts=b'88'))
    assert predictions.results('keypoints')[2] == dict(
        common, score=.75, keypoints=[8, 9, 1, 10, 11, 1])
    assert predictions.results('attributes')[0] == dict(
        common, score=.25, bbox=[0, 0, 2, 4], gender=0, age=20.5)


def test_best_results_in_their_order(predictions):

    def scores(kind):
        return [r['score'] for r in predictions.results(kind, max_dets=2)]

    assert scores('bbox') == [.5, .75]
    assert scores('segm') == [.5, 1]  # of the mask, not of the person


def test_best_results_of_each_label_and_image():
    images = [
        dict(IMAGES[0], img_id=8, labels=np.array([0, 1, 0])),
        dict(IMAGES[0], img_id=3, labels=np.array([1, 1, 1]))
    ]
    results = HumanPredictions(images, [5, 6]).results('bbox', max_dets=1)
    assert [(r['image_id'], r['category_id'], r['score'])
            for r in results] == [(8, 6, .5), (8, 5, .75), (3, 6, .75)]


def test_no_predictions():
    predictions = HumanPredictions(IMAGES[1:], [5])
    assert predictions.results('segm') == []
    assert len(predictions.persons('age').scores) == 0


def test_files_hold_what_was_written(predictions, tmp_path):
    prefix = str(tmp_path / 'run')
    predictions.write(prefix, ['mask', 'age'])
    files = ResultFiles([prefix])
    assert files.metrics == ['mask', 'gender', 'age']
    assert files.results('segm') == json.loads(
        json.dumps(predictions.results('segm'), default=bytes.decode))
    assert files.results('segm')[0]['segmentation']['counts'] == '88'
    for ours, theirs in zip(files.persons('age'), predictions.persons('age')):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(InputError, match='no bbox results, only .*segm.json'):
        files.results('bbox')


def test_unwritable_folder(predictions, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot write results to'):
        predictions.write(str(tmp_path / 'file' / 'run'), ['box'])


def write(path, results):
    path.write_text(json.dumps(results))
    return str(path)


RESULT = dict(image_id=8, category_id=1, score=.5, bbox=[0, 0, 1, 1])


def test_kind_of_a_file_by_its_content(tmp_path):
    mask = dict(RESULT, segmentation=dict(size=[4, 4], counts='88'))
    names = [
        write(tmp_path / 'a.json', [RESULT]),
        write(tmp_path / 'b.json', [mask]),
        write(tmp_path / 'c.json', [dict(RESULT, keypoints=[0] * 51)]),
        write(tmp_path / 'd.json', [dict(RESULT, gender=1)])
    ]
    files = ResultFiles(names)
    assert files.metrics == ['box', 'mask', 'pose', 'gender']
    # With a box COCO would take its area for the area of the person.
    assert 'bbox' not in files.results('segm')[0]
    assert 'bbox' not in files.results('keypoints')[0]
    with pytest.raises(InputError, match='d.json: result 0: .age.'):
        files.persons('age')


@pytest.mark.parametrize('results, message', [
    (dict(results=[]), 'a COCO result file is a list'),
    ([5], 'a COCO result file is a list'),
    ([RESULT, dict(RESULT, score='high')], "result 1: 'score'"),
    ([RESULT, dict(RESULT, bbox=[0, 0, 1])], "result 1: 'bbox'"),
    ([dict(RESULT, image_id=None)], "result 0: 'image_id'"),
    ([dict(RESULT, category_id='person')], "result 0: 'category_id'"),
    ([dict(RESULT, keypoints=[1, 2, 3])], "result 0: 'keypoints'"),
    ([dict(RESULT, segmentation=[[1, 2]])], "result 0: 'segmentation'"),
    ([dict(RESULT, segmentation=dict(size=[4, None], counts='88'))
      ], "result 0: 'segmentation' must be compressed RLE"),
    ([dict(RESULT, segmentation=dict(size=[4, 4], counts='8'))
      ], "result 0: 'segmentation' .* of as many pixels"),
    ([dict(RESULT, keypoints=None)], "result 0: 'keypoints'"),
    ([dict(RESULT, keypoints=[])], "result 0: 'keypoints'"),
])
def test_malformed_file(results, message, tmp_path):
    path = write(tmp_path / 'a.json', results)
    with pytest.raises(InputError, match=f'a.json: {message}'):
        ResultFiles([path])


def test_missing_and_repeated_files(tmp_path):
    with pytest.raises(InputError, match='neither a result file nor the pref'):
        ResultFiles([str(tmp_path / 'a')])
    names = [write(tmp_path / f'{name}.json', [RESULT]) for name in 'ab']
    with pytest.raises(InputError, match='a.json holds bbox results too'):
        ResultFiles(names)
