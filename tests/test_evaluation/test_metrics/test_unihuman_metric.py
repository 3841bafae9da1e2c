"""The metric: as pycocotools on real photos, by hand, merged, formatted."""
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
from mmengine.structures import InstanceData
from pycocotools import mask as mask_utils
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmhqnet.evaluation import attribute_ap
from mmhqnet.evaluation.metrics.unihuman_metric import encode_masks
from mmhqnet.registry import METRICS
from mmhqnet.utils.errors import InputError

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


def two_persons():
    """Two large persons with every label, and what sees them perfectly."""
    boxes = np.array([[10., 10, 110, 150], [150, 20, 290, 180]])
    masks = np.zeros((2, 200, 300), bool)
    keypoints = np.zeros((2, 17, 2))
    annotations = []
    for i, (x1, y1, x2, y2) in enumerate(boxes.astype(int)):
        masks[i, y1:y2, x1:x2] = True
        keypoints[i] = np.linspace([x1, y1], [x2, y2], 17)
        rle = mask_utils.encode(np.asfortranarray(masks[i].astype(np.uint8)))
        annotations.append(
            dict(
                id=i,
                image_id=1,
                category_id=1,
                iscrowd=0,
                bbox=[int(v) for v in (x1, y1, x2 - x1, y2 - y1)],
                area=int(masks[i].sum()),
                segmentation=dict(
                    size=[200, 300], counts=rle['counts'].decode()),
                keypoints=np.c_[keypoints[i], np.full(17, 2)].ravel().tolist(),
                num_keypoints=17,
                gender=i,
                age=30 + i))
    dataset = dict(
        images=[dict(id=1, height=200, width=300)],
        annotations=annotations,
        categories=[dict(id=1, name='person')])
    pred = dict(
        bboxes=boxes,
        scores=np.array([.9, .8]),
        labels=np.array([0, 0]),
        masks=masks,
        mask_scores=np.array([.5, 1.]),
        keypoints=keypoints,
        keypoint_scores=np.ones((2, 17)),
        genders=np.array([0, 1]),
        gender_scores=np.array([.1, .7]),
        ages=np.array([30., 31]))
    pred = {field: torch.from_numpy(values) for field, values in pred.items()}
    return dataset, dict(img_id=1, ori_shape=(200, 300), pred_instances=pred)


def two_metric(tmp_path, dataset, **options):
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(dataset))
    return build(str(path), **options)


def evaluate_two(tmp_path, dataset, sample, **options):
    return evaluate(two_metric(tmp_path, dataset, **options), [sample])


ALL_AP = [
    f'unihuman/{task}_AP' for task in ('box', 'mask', 'pose', 'gender', 'age')
]


def test_perfect_predictions(tmp_path):
    # Ids begin at 0, which pycocotools alone takes for "not matched".
    values = evaluate_two(tmp_path, *two_persons())
    for key in ALL_AP:
        assert values[key] == pytest.approx(1)
        assert values[key + '_L'] == pytest.approx(1)


def test_each_task_is_judged_by_its_own_prediction(tmp_path):
    dataset, sample = two_persons()
    pred = sample['pred_instances']
    changes = dict(
        box=('bboxes', pred['bboxes'] + 200),
        mask=('masks', ~pred['masks']),
        pose=('keypoints', pred['keypoints'] + 100),
        gender=('genders', 1 - pred['genders']),
        age=('ages', pred['ages'] + 10))
    for task, (field, values) in changes.items():
        wrong = dict(sample, pred_instances={**pred, field: values})
        ap = evaluate_two(tmp_path, dataset, wrong)
        for key in ALL_AP:
            # Without the box no attribute can be right.
            fails = task in key or task == 'box' and ('gender' in key
                                                      or 'age' in key)
            assert ap[key] == pytest.approx(0 if fails else 1)


def test_masks_rank_by_their_own_score(tmp_path):
    dataset, sample = two_persons()
    pred = sample['pred_instances']
    # The first mask is wrong. By the scores of the persons, .9 > .8, it
    # would come first; by those of the masks, .5 < 1, the right one does:
    # precision 1 up to recall 1/2.
    pred['masks'][0] = False
    values = evaluate_two(tmp_path, dataset, sample)
    assert values['unihuman/mask_AP'] == pytest.approx(51 / 101)
    del pred['mask_scores']
    values = evaluate_two(tmp_path, dataset, sample)
    assert values['unihuman/mask_AP'] == pytest.approx(51 / 101 / 2)


def test_pose_looks_at_20_detections(tmp_path):
    dataset, sample = two_persons()
    pred = sample['pred_instances']
    repeated = {
        field: torch.cat([values[1:]] * 20 + [values[:1]])
        for field, values in pred.items()
    }
    repeated['scores'] = torch.linspace(1, .5, 21)
    values = evaluate_two(tmp_path, dataset,
                          dict(sample, pred_instances=repeated))
    # Person 0 is number 21: out of 20 detections only the first is right.
    assert values['unihuman/pose_AP'] == pytest.approx(51 / 101)
    # Of 21, the first and the last: precision 1, then 2 / 21.
    assert values['unihuman/box_AP'] == pytest.approx((51 + 50 * 2 / 21) / 101)


def test_person_without_mask_is_no_miss_for_mask_ap(tmp_path):
    dataset, sample = two_persons()
    dataset['annotations'][0]['segmentation'] = []
    dataset['annotations'][1]['valid'] = dict(segmentation=1, gender=0)
    values = evaluate_two(tmp_path, dataset, sample)
    assert values['unihuman/mask_AP'] == pytest.approx(1)
    assert values['unihuman/box_AP'] == pytest.approx(1)
    # Person 1 has no valid gender: its detection, second, is a false positive.
    assert values['unihuman/gender_AP'] == pytest.approx(1)
    assert evaluate_two(
        tmp_path, dataset, sample, metric='gender') == {
            key: value
            for key, value in values.items() if 'gender' in key
        }


def test_labels_nobody_has_give_minus_one(tmp_path):
    dataset, sample = two_persons()
    for annotation in dataset['annotations']:
        del annotation['gender'], annotation['segmentation']
        annotation['keypoints'] = [0] * 51
    values = evaluate_two(tmp_path, dataset, sample)
    for task in ('gender', 'mask', 'pose'):
        assert values[f'unihuman/{task}_AP'] == -1
    assert values['unihuman/age_AP'] == pytest.approx(1)


def test_sigmas_and_number_of_keypoints_come_from_the_metainfo(tmp_path):
    dataset, sample = two_persons()
    for annotation in dataset['annotations']:
        annotation['keypoints'] = annotation['keypoints'][:14 * 3]
        annotation['num_keypoints'] = 14
    sample['pred_instances'][
        'keypoints'] = sample['pred_instances']['keypoints'][:, :14] + 8
    del sample['pred_instances']['keypoint_scores']
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(dataset))
    found = []
    for sigma in (.02, 2.):
        metric = build(str(path), metric='pose')
        metric.dataset_meta = dict(
            classes=('person', ), num_keypoints=14, sigmas=[sigma] * 14)
        found.append(evaluate(metric, [sample])['unihuman/pose_AP'])
    assert found == pytest.approx([0, 1])


def test_names_of_results(tmp_path):
    values = evaluate_two(
        tmp_path,
        *two_persons(),
        metric=['box', 'age'],
        protocol='ignore_unlabelled',
        age_error=[5, 10],
        exclude_small=False)
    attribute_names = ('AP', 'AP_50', 'AP_75', 'AP_S', 'AP_M', 'AP_L')
    assert set(values) == {f'unihuman/box_{name}'
                           for name in BOX_NAMES} | {
                               f'unihuman/{task}_ignore_unlabelled_{name}'
                               for task in ('age', 'age5')
                               for name in attribute_names
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


def test_predictions_as_instance_data(tmp_path):
    dataset, sample = two_persons()
    sample['pred_instances'] = InstanceData(**sample['pred_instances'])
    values = evaluate_two(tmp_path, dataset, sample)
    assert values['unihuman/mask_AP'] == pytest.approx(1)


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


def test_metric_of_a_task_that_is_off(tmp_path):
    dataset, sample = two_persons()
    del sample['pred_instances']['masks']
    with pytest.raises(InputError, match="'mask' needs pred_instances.masks"):
        evaluate_two(tmp_path, dataset, sample)
    values = evaluate_two(tmp_path, dataset, sample, metric=['box', 'pose'])
    assert values['unihuman/pose_AP'] == pytest.approx(1)


def test_malformed_annotation_is_found_at_the_first_batch(tmp_path):
    dataset, sample = two_persons()
    dataset['annotations'][1]['age'] = 300
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(dataset))
    metric = build(str(path))
    with pytest.raises(
            InputError, match="two.json: annotation 1: field 'age'.*300"):
        metric.process({}, [sample])


def test_masks_of_another_size(tmp_path):
    dataset, sample = two_persons()
    dataset['images'][0]['width'] = 301
    for annotation in dataset['annotations']:
        annotation['segmentation'] = []
    metric = two_metric(tmp_path, dataset)
    with pytest.raises(
            InputError, match=r'image 1 has .*\[200, 301\].* \[200, 300\]'):
        metric.process({}, [sample])


def test_predictions_for_an_unknown_image(tmp_path):
    dataset, sample = two_persons()
    metric = two_metric(tmp_path, dataset)
    with pytest.raises(InputError, match='two.json: .* image 7'):
        metric.process({}, [dict(sample, img_id=7)])


@pytest.mark.parametrize('field', ['bboxes', 'scores', 'keypoints', 'ages'])
def test_predictions_that_are_not_finite(tmp_path, field):
    dataset, sample = two_persons()
    sample['pred_instances'][field][1] = float('nan')
    with pytest.warns(UserWarning, match='hold NaN or infinity'):
        values = evaluate_two(tmp_path, dataset, sample)
    # One of two persons is left, and it is right.
    for key in ALL_AP:
        assert values[key] == pytest.approx(51 / 101)
