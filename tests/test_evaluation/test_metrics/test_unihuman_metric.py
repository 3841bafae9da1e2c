"""The metric on real photos: as pycocotools, merged, written to files."""
import contextlib
import copy
import io
import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import metric as mmengine_metric
from pycocotools import mask as mask_utils
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmhqnet.errors import InputError
from mmhqnet.evaluation import attribute_ap
from mmhqnet.registry import METRICS
from mmhqnet.structures.run_length_masks import encode_masks

EVAL_RESULTS = Path(__file__).parents[3] / 'tools/eval_results.py'

BOX_NAMES = ('AP', 'AP_50', 'AP_75', 'AP_S', 'AP_M', 'AP_L', 'AR_1', 'AR_10',
             'AR', 'AR_S', 'AR_M', 'AR_L')

POSE_NAMES = ('AP', 'AP_50', 'AP_75', 'AP_M', 'AP_L', 'AR', 'AR_50', 'AR_75',
              'AR_M', 'AR_L')


def build(ann_file, **options):
    metric = METRICS.build(
        dict(type='UniHumanMetric', ann_file=ann_file, **options))
    metric.dataset_meta = dict(classes=('person', ))
    return metric


def evaluate(metric, samples):
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def plain_pycocotools(ann_file, results, iou_type, smallest=0):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(ann_file)
        evaluator = COCOeval(coco, coco.loadRes(copy.deepcopy(results)),
                             iou_type)
        evaluator.params.areaRng[0] = [smallest, 1e5**2]
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats.tolist()


@pytest.fixture(scope='module')
def photo_values(photo_file, photo_samples):
    metric = build(photo_file, protocol=['official', 'ignore_unlabelled'])
    return evaluate(metric, photo_samples)


@pytest.mark.parametrize('metric, iou_type, names',
                         [('box', 'bbox', BOX_NAMES),
                          ('mask', 'segm', BOX_NAMES),
                          ('pose', 'keypoints', POSE_NAMES)])
def test_equals_pycocotools_on_photos(metric, iou_type, names, photo_values,
                                      photo_file, photo_results):
    stats = plain_pycocotools(photo_file, photo_results[iou_type], iou_type)
    assert {
        name: photo_values[f'unihuman/{metric}_{name}']
        for name in names
    } == dict(zip(names, stats))
    assert 0 < stats[0] < 1  # the perturbation makes it interesting


@pytest.mark.parametrize('metric, iou_type', [('box', 'bbox'),
                                              ('mask', 'segm')])
def test_no_small_is_pycocotools_with_another_range(metric, iou_type,
                                                    photo_values, photo_file,
                                                    photo_results):
    stats = plain_pycocotools(
        photo_file, photo_results[iou_type], iou_type, smallest=32**2)
    for name, index in (('AP', 0), ('AP_50', 1), ('AP_75', 2), ('AR', 8)):
        assert photo_values[f'unihuman/{metric}_{name}_no_small'] == stats[
            index]
    assert stats[0] > photo_values[f'unihuman/{metric}_AP']


@pytest.mark.parametrize('attribute', ['gender', 'age'])
def test_attributes_equal_the_public_function(attribute, photo_values,
                                              photo_annotations,
                                              photo_results):
    for protocol, task in (('official', attribute),
                           ('ignore_unlabelled',
                            f'{attribute}_ignore_unlabelled')):
        expected = attribute_ap(photo_annotations['annotations'],
                                photo_results['attributes'], attribute,
                                protocol)
        assert {
            name: photo_values[f'unihuman/{task}_{name}']
            for name in expected
        } == expected
        assert 0 < expected['AP'] < 1


@pytest.mark.parametrize('backend', ['faster_coco_eval', 'hotcoco'])
def test_backends_agree(backend, photo_values, photo_file, photo_samples):
    pytest.importorskip(backend, reason=f'{backend} is not installed')
    metric = build(
        photo_file,
        protocol=['official', 'ignore_unlabelled'],
        backend=backend)
    # faster_coco_eval leaves out pycocotools' + 2.2e-16 in a denominator.
    assert evaluate(metric, photo_samples) == pytest.approx(
        photo_values, rel=0, abs=1e-15)


def test_empty_predictions_give_zeros(photo_values, photo_file, photo_samples):
    samples = [
        dict(
            sample,
            pred_instances={
                field: values[:0]
                for field, values in sample['pred_instances'].items()
            }) for sample in photo_samples
    ]
    protocols = ['official', 'ignore_unlabelled']
    values = evaluate(build(photo_file, protocol=protocols), samples)
    assert values == dict.fromkeys(photo_values, 0)
    # Images without persons need no fields of tasks, and no image may come.
    for sample in samples:
        sample['pred_instances'] = {
            field: sample['pred_instances'][field]
            for field in ('bboxes', 'scores', 'labels')
        }
    assert evaluate(build(photo_file, protocol=protocols), samples) == values
    assert build(
        photo_file, protocol=protocols).compute_metrics([]) == {
            key.split('/')[1]: 0
            for key in values
        }


def test_processes_merge(photo_values, photo_file, photo_samples, monkeypatch):
    """Two processes get every other image; what they send is small."""
    metrics = [
        build(photo_file, protocol=['official', 'ignore_unlabelled'])
        for _ in range(2)
    ]
    for rank, metric in enumerate(metrics):
        # The sampler repeats an image so that both get equally many.
        samples = (photo_samples + photo_samples[:1])[rank::2]
        for sample in samples:
            metric.process({}, [sample])
    parts = [pickle.loads(pickle.dumps(m.results)) for m in metrics]
    persons = sum(len(s['pred_instances']['scores']) for s in photo_samples)
    assert len(pickle.dumps(parts)) < 3000 * persons
    merged = [result for pair in zip(*parts) for result in pair]
    monkeypatch.setattr(
        mmengine_metric,
        'collect_results',
        lambda results, size, device, tmpdir=None: merged[:size])
    assert metrics[0].evaluate(len(photo_samples)) == photo_values


def test_format_only_round_trip(tmp_path, photo_values, photo_file,
                                photo_samples, photo_results):
    prefix = str(tmp_path / 'new_folder' / 'photos')
    metric = build(photo_file, format_only=True, outfile_prefix=prefix)
    assert evaluate(metric, photo_samples) == {}
    for kind, expected in photo_results.items():
        with open(f'{prefix}.{kind}.json') as file:
            assert json.load(file) == expected
    values_file = tmp_path / 'values.json'
    runpy.run_path(str(EVAL_RESULTS))['main']([
        photo_file, '--results', prefix, '--protocol', 'official',
        'ignore_unlabelled', '--json',
        str(values_file)
    ])
    values = json.loads(values_file.read_text())
    assert {f'unihuman/{key}': values[key] for key in values} == photo_values


def test_ground_truth_from_samples(photo_values, photo_annotations,
                                   photo_samples):
    samples = []
    for sample in photo_samples:
        instances = []
        for annotation in photo_annotations['annotations']:
            if annotation['image_id'] == sample['img_id']:
                x, y, w, h = annotation['bbox']
                instances.append(
                    dict(
                        bbox=[x, y, x + w, y + h],
                        bbox_label=0,
                        ignore_flag=annotation['iscrowd'],
                        mask=annotation['segmentation'],
                        keypoints=np.reshape(annotation['keypoints'], (17, 3)),
                        area=annotation['area'],
                        gender=annotation.get('gender', -1),
                        age=annotation.get('age', -1)))
        samples.append(dict(sample, instances=instances))
    metric = build(None, protocol=['official', 'ignore_unlabelled'])
    assert evaluate(metric, samples) == pytest.approx(photo_values)
    del samples[0]['instances']
    with pytest.raises(InputError, match='set ann_file'):
        evaluate(build(None), samples)


def test_evaluating_twice_gives_the_same(photo_file, photo_samples,
                                         photo_values):
    metric = build(photo_file, protocol=['official', 'ignore_unlabelled'])
    evaluate(metric, photo_samples)
    assert evaluate(metric, photo_samples) == photo_values


def test_encode_masks():
    masks = torch.rand(5, 37, 53, generator=torch.Generator().manual_seed(0))
    masks = masks > .5
    expected = [
        mask_utils.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))
        for mask in masks
    ]
    assert encode_masks(masks) == expected
    assert encode_masks(masks.numpy()) == expected
    assert encode_masks(expected) == expected
    assert encode_masks(masks[:0]) == []


@pytest.mark.parametrize('options, message', [
    (dict(metric='bbox'), 'box, mask, pose, gender, age'),
    (dict(metric=['box', 'height']), "metric 'height' is unknown"),
    (dict(protocol='paper'), 'official, ignore_unlabelled'),
    (dict(backend='numpy'), 'pycocotools, faster_coco_eval, hotcoco'),
    (dict(format_only=True), 'outfile_prefix'),
    (dict(age_error='ten'), "years above 0, got 'ten'"),
    (dict(age_error=[10, 0]), 'years above 0'),
    (dict(crowding_bounds=(.8, .1)), 'two rising numbers'),
    (dict(crowding_bounds=(.1, .5, .8)), 'two rising numbers'),
])
def test_bad_options(photo_file, options, message):
    with pytest.raises(InputError, match=message):
        build(photo_file, **options)


def test_missing_annotation_file(tmp_path):
    with pytest.raises(InputError, match='nowhere.json: No such file'):
        build(str(tmp_path / 'nowhere.json'))
