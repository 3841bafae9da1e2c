"""The metric on two persons: each task by hand, and what is refused."""
import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.evaluation import GroundTruth, HumanEvaluator, ResultFiles
from mmhqnet.registry import METRICS
from mmhqnet.structures.person_fields import fields_to_dicts, resolve_fields


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


def two_metric(tmp_path, dataset, meta=(), **options):
    path = tmp_path / 'two.json'
    path.write_text(json.dumps(dataset))
    metric = METRICS.build(
        dict(type='UniHumanMetric', ann_file=str(path), **options))
    metric.dataset_meta = dict(meta, classes=('person', ))
    return metric


def evaluate_two(tmp_path, dataset, sample, **options):
    metric = two_metric(tmp_path, dataset, **options)
    metric.process({}, [sample])
    return metric.evaluate(1)


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
    for sigma, expected in ((.02, 0), (2., 1)):
        metric = two_metric(tmp_path, dataset, metric='pose')
        metric.dataset_meta = dict(
            classes=('person', ), num_keypoints=14, sigmas=[sigma] * 14)
        metric.process({}, [sample])
        values = metric.evaluate(1)
        assert values['unihuman/pose_AP'] == pytest.approx(expected)


def with_added_fields(tmp_path, **options):
    """Two persons with a helmet, a height, feet and faces."""
    dataset, sample = two_persons()
    labels = dict(
        helmet=['helmet', 0],
        height_cm=[180., 95.],
        feet=[[20, 140, 2, 90, 150, 2], [170, 170, 2, 250, 175, 1]],
        face_box=[[40, 15, 30, 40], [190, 30, 50, 50]])
    for i, annotation in enumerate(dataset['annotations']):
        annotation.update({key: values[i] for key, values in labels.items()})
    pred = sample['pred_instances']
    pred.update(
        helmet=torch.tensor([1, 0]),
        helmet_scores=torch.tensor([.9, .6]),
        height_cm=torch.tensor([184., 97.]),
        feet=torch.tensor(labels['feet'], dtype=torch.float).view(2, 2,
                                                                  3)[..., :2],
        face_boxes=torch.tensor([[40., 15, 70, 55], [190, 30, 240, 80]]),
        face_scores=torch.tensor([.4, .8]))
    added = dict(
        helmet=dict(type='category', classes=('none', 'helmet')),
        height_cm=dict(type='number', error=5),
        feet=dict(type='points', num_points=2))
    meta = dict(person_fields=fields_to_dicts(resolve_fields(added)))
    options.setdefault('metric',
                       ['box', 'helmet', 'height_cm', 'feet', 'face'])
    metric = two_metric(tmp_path, dataset, meta, **options)
    return metric, dataset, sample


ADDED_AP = [
    f'unihuman/{name}_AP' for name in ('helmet', 'height_cm', 'feet', 'face')
]


def test_added_fields_are_evaluated_by_name(tmp_path):
    metric, _, sample = with_added_fields(tmp_path)
    metric.process({}, [sample])
    values = metric.evaluate(1)
    assert [values[key] for key in ADDED_AP] == pytest.approx([1] * 4)
    assert values['unihuman/face_AR'] == pytest.approx(1)
    assert not any('face' in key and 'no_small' in key for key in values)


@pytest.mark.parametrize('column, wrong', [
    ('helmet', torch.tensor([0, 1])),
    ('height_cm', torch.tensor([185., 100])),
    ('feet', torch.zeros(2, 2, 2)),
    ('face_boxes', torch.zeros(2, 4)),
])
def test_each_added_field_is_judged_by_its_own_prediction(
        tmp_path, column, wrong):
    metric, _, sample = with_added_fields(tmp_path)
    sample['pred_instances'][column] = wrong
    metric.process({}, [sample])
    values = metric.evaluate(1)
    name = column.replace('_boxes', '')
    for key in ADDED_AP:
        assert values[key] == pytest.approx(0 if f'/{name}_' in key else 1)


def test_added_fields_in_both_protocols(tmp_path):
    """Person 0 comes first; without a label of it, it is a false positive
    or ignored."""
    metric, dataset, sample = with_added_fields(
        tmp_path, protocol=['official', 'ignore_unlabelled'])
    for key in ('helmet', 'height_cm'):
        del metric._annotations['annotations'][0][key]
    metric.process({}, [sample])
    values = metric.evaluate(1)
    for name in ('helmet', 'height_cm'):
        assert values[f'unihuman/{name}_AP'] == pytest.approx(1 / 2)
        assert values[
            f'unihuman/{name}_ignore_unlabelled_AP'] == pytest.approx(1)


@pytest.mark.parametrize('face', [
    dict(valid=dict(face=0)),
    dict(face_valid=False),
    dict(face_box=[0, 0, 0, 0]),
    dict(face_box=None)
])
def test_a_person_without_a_valid_face_counts_neither_way(tmp_path, face):
    metric, _, sample = with_added_fields(tmp_path, metric='face')
    metric._annotations['annotations'][1].update(face)
    for score in (.8, .1):  # first or last
        sample['pred_instances']['face_scores'][1] = score
        metric.process({}, [sample])
        values = metric.evaluate(1)
        assert values['unihuman/face_AP'] == pytest.approx(1)
        assert values['unihuman/face_AR'] == pytest.approx(1)


def test_faces_rank_by_their_own_score(tmp_path):
    metric, _, sample = with_added_fields(tmp_path, metric='face')
    sample['pred_instances']['face_boxes'][0] = 0  # scores .4, its person .9
    metric.process({}, [sample])
    # The right one comes first: precision 1 up to recall 1/2.
    assert metric.evaluate(1)['unihuman/face_AP'] == pytest.approx(51 / 101)


def test_result_files_of_added_fields(tmp_path):
    prefix = str(tmp_path / 'run')
    metric, _, sample = with_added_fields(tmp_path, outfile_prefix=prefix)
    metric.process({}, [sample])
    values = metric.evaluate(1)
    attributes = json.loads((tmp_path / 'run.attributes.json').read_text())
    assert [(a['helmet'], a['height_cm'])
            for a in attributes] == [('helmet', 184), ('none', 97)]
    assert attributes[0]['helmet_score'] == pytest.approx(.9)
    faces = json.loads((tmp_path / 'run.face.json').read_text())
    assert faces[0]['bbox'] == [40, 15, 30, 40]
    files = ResultFiles([prefix], metric.fields)
    assert files.metrics == [
        'box', 'gender', 'age', 'face', 'helmet', 'height_cm', 'feet'
    ]
    ground_truth = GroundTruth.from_file(
        str(tmp_path / 'two.json'),
        metrics=metric.metrics,
        fields=metric.fields)
    again = HumanEvaluator(metric.metrics).evaluate(ground_truth, files)
    assert {
        f'unihuman/{key}': value
        for key, value in again.items()
    } == pytest.approx(values)


def test_names_are_checked_as_soon_as_the_data_set_is_known(tmp_path):
    dataset, _ = two_persons()
    with pytest.raises(InputError, match="'helmet' is unknown.*age, face"):
        two_metric(tmp_path, dataset, metric=['box', 'helmet'])


@pytest.mark.parametrize('content', [
    None,
    dict(images=[dict(id=1)], categories=[dict(id=7, name='person')]),
])
def test_format_only_needs_no_annotations(tmp_path, content):
    """As for COCO's test sets, whose files end with the categories."""
    _, sample = two_persons()
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(content))
    metric = METRICS.build(
        dict(
            type='UniHumanMetric',
            ann_file=content and str(path),
            format_only=True,
            outfile_prefix=str(tmp_path / 'run')))
    metric.dataset_meta = dict(classes=('person', ))
    metric.process({}, [sample])
    assert metric.evaluate(1) == {}
    boxes = json.loads((tmp_path / 'run.bbox.json').read_text())
    assert [box['category_id'] for box in boxes] == [7 if content else 1] * 2
    assert len(json.loads((tmp_path / 'run.segm.json').read_text())) == 2


def test_names_of_results(tmp_path):
    values = evaluate_two(
        tmp_path,
        *two_persons(),
        metric=['box', 'age'],
        protocol='ignore_unlabelled',
        age_error=[5, 10],
        exclude_small=False)
    precisions = ('AP', 'AP_50', 'AP_75', 'AP_S', 'AP_M', 'AP_L')
    recalls = ('AR_1', 'AR_10', 'AR', 'AR_S', 'AR_M', 'AR_L')
    names = {f'box_{name}' for name in precisions + recalls}
    for task in ('age', 'age5'):
        names |= {f'{task}_ignore_unlabelled_{name}' for name in precisions}
    assert set(values) == {f'unihuman/{name}' for name in names}


def test_predictions_as_instance_data(tmp_path):
    dataset, sample = two_persons()
    sample['pred_instances'] = InstanceData(**sample['pred_instances'])
    values = evaluate_two(tmp_path, dataset, sample)
    assert values['unihuman/mask_AP'] == pytest.approx(1)


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
    metric = two_metric(tmp_path, dataset)
    with pytest.raises(InputError, match="two.json: annotation 1: 'age'.*300"):
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
