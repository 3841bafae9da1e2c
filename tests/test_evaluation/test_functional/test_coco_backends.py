"""The libraries behind box, mask and pose AP are interchangeable."""
import copy
import sys

import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation import GroundTruth
from mmhqnet.evaluation.functional.coco_backends import (BACKENDS, CocoBackend,
                                                         statistics_of)
from mmhqnet.structures.person_fields import FIELDS, resolve_fields

METRICS = ('box', 'mask', 'pose')


@pytest.fixture(params=BACKENDS)
def backend(request):
    package = pytest.importorskip(
        request.param, reason=f'{request.param} is not installed')
    assert package is sys.modules[request.param]  # the real one
    return CocoBackend(request.param)


@pytest.fixture(scope='module')
def ground_truth(photo_annotations):
    return GroundTruth(photo_annotations)


@pytest.mark.parametrize('metric', METRICS)
def test_all_agree(backend, metric, ground_truth, photo_results):
    statistics = statistics_of(FIELDS[metric], exclude_small=True)
    arguments = ground_truth, photo_results[
        FIELDS[metric].result_kind], metric, statistics
    values = backend.evaluate(*arguments)
    expected = CocoBackend('pycocotools').evaluate(*arguments)
    if backend.name == 'faster_coco_eval':
        # It divides by tp + fp, pycocotools by tp + fp + 2.2e-16.
        assert values == pytest.approx(expected, rel=0, abs=1e-15)
    else:
        assert values == expected


@pytest.mark.parametrize('metric', METRICS)
def test_results_can_be_used_again(backend, metric, ground_truth,
                                   photo_results):
    results = copy.deepcopy(photo_results[FIELDS[metric].result_kind])
    statistics = statistics_of(FIELDS[metric], exclude_small=True)
    backend.evaluate(ground_truth, results, metric, statistics)
    assert results == photo_results[FIELDS[metric].result_kind]


@pytest.mark.parametrize('metric', METRICS)
def test_no_results(backend, metric, ground_truth):
    statistics = statistics_of(FIELDS[metric], exclude_small=True)
    values = backend.evaluate(ground_truth, [], metric, statistics)
    assert values == {statistic.name: 0 for statistic in statistics}


def test_subset_of_images(backend, ground_truth, photo_results):
    statistics = statistics_of(FIELDS['box'], exclude_small=False)
    image_ids = sorted(ground_truth.images)[:6]
    values = backend.evaluate(
        ground_truth,
        photo_results['bbox'],
        'box',
        statistics,
        image_ids=image_ids)
    subset = GroundTruth(
        dict(
            images=[ground_truth.images[i] for i in image_ids],
            categories=ground_truth.categories,
            annotations=[
                annotation for annotation in ground_truth.annotations
                if annotation['image_id'] in image_ids
            ]))
    results = [
        result for result in photo_results['bbox']
        if result['image_id'] in image_ids
    ]
    assert values == backend.evaluate(subset, results, 'box', statistics)


def test_ids_that_are_strings(backend):
    ground_truth = GroundTruth(
        dict(
            images=[dict(id='a', height=9, width=9)],
            categories=[dict(id=1, name='person')],
            annotations=[
                dict(id='x', image_id='a', category_id=1, bbox=[0, 0, 9, 9])
            ]))
    results = [dict(image_id='a', category_id=1, bbox=[0, 0, 9, 9], score=.5)]
    arguments = ground_truth, results, 'box', statistics_of(
        FIELDS['box'], False)
    if backend.name == 'pycocotools':
        assert backend.evaluate(*arguments)['AP'] == pytest.approx(1)
    else:
        with pytest.raises(InputError, match="image 'a': backend .* needs wh"):
            backend.evaluate(*arguments)


def test_sigmas(backend, photo_annotations, photo_results):

    def ap(**keypoints):
        ground_truth = GroundTruth(
            photo_annotations,
            metrics=['pose'],
            fields=resolve_fields(keypoints=keypoints))
        field = ground_truth.fields['pose']
        return backend.evaluate(ground_truth, photo_results['keypoints'],
                                'pose', statistics_of(field, False))['AP']

    strict, lenient = (
        ap(num_keypoints=17, sigmas=[sigma] * 17) for sigma in (.01, 1.))
    assert strict < ap() < lenient


def test_nothing_is_printed(backend, ground_truth, photo_results, capfd):
    backend.evaluate(ground_truth, photo_results['bbox'], 'box',
                     statistics_of(FIELDS['box'], False))
    assert capfd.readouterr().out == ''


def test_libraries_are_left_alone(backend):
    import pycocotools.coco
    assert pycocotools.coco.COCO.__module__ == 'pycocotools.coco'


def test_unknown_or_missing_library(monkeypatch):
    with pytest.raises(InputError, match=', '.join(BACKENDS)):
        CocoBackend('detectron2')
    monkeypatch.setitem(sys.modules, 'hotcoco', None)
    with pytest.raises(InputError, match='pip install hotcoco'):
        CocoBackend('hotcoco')
