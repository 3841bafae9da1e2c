"""Choosing what to evaluate, and the table of results."""
import json

import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation import (GroundTruth, HumanEvaluator, HumanPredictions,
                                results_table)
from mmhqnet.structures.person_fields import resolve_fields

DATASET = dict(
    images=[dict(id=1, height=200, width=200)],
    categories=[dict(id=1, name='person')],
    annotations=[
        dict(id=1, image_id=1, category_id=1, bbox=[0, 0, 100, 100], age=30)
    ])

CROWDPOSE = resolve_fields(keypoints=dict(num_keypoints=14, sigmas=[.08] * 14))


def predictions(image_id=1, age=36):
    return HumanPredictions([
        dict(
            img_id=image_id,
            bboxes=[[0, 0, 100, 100]],
            scores=[.5],
            labels=[0],
            ages=[age])
    ], [1])


def evaluate(**options):
    return HumanEvaluator(**options).evaluate(
        GroundTruth(DATASET), predictions())


def test_only_what_was_asked_for():
    assert {key.split('_')[0] for key in evaluate(metrics='box')} == {'box'}
    values = evaluate(metrics=['age', 'box'], exclude_small=False)
    assert not any('no_small' in key for key in values)


def test_several_age_errors_and_protocols():
    values = evaluate(
        metrics='age',
        age_errors=[10, 5, 6.5],
        protocols=['official', 'ignore_unlabelled'])
    assert values['age_AP'] == pytest.approx(1)
    assert values['age5_AP'] == 0
    assert values['age6.5_AP'] == pytest.approx(1)
    assert values['age5_ignore_unlabelled_AP'] == 0


def test_unknown_image():
    evaluator = HumanEvaluator(metrics='box')
    with pytest.raises(InputError, match='predictions for image 2'):
        evaluator.evaluate(GroundTruth(DATASET), predictions(image_id=2))


def test_only_other_categories():
    others = HumanPredictions(
        [dict(img_id=1, bboxes=[[0, 0, 9, 9]], scores=[.5], labels=[0])], [17])
    with pytest.raises(InputError, match="'person' has the id 1, but .* 17"):
        HumanEvaluator(metrics='box').evaluate(GroundTruth(DATASET), others)


def crowds(rng, num_images=40):
    """Images of rising crowding with 14 keypoints per person, found badly."""
    images, annotations, records = [], [], []
    for image_id in range(num_images):
        images.append(dict(id=image_id, crowdIndex=image_id / num_images))
        points = rng.uniform(0, 100, (3, 14, 2))
        found = points + rng.normal(size=points.shape) * rng.choice([1, 5, 20],
                                                                    (3, 1, 1))
        for person in points:
            low, high = person.min(0), person.max(0)
            w, h = high - low
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=1,
                    bbox=[*low, w, h],
                    area=.53 * w * h,
                    iscrowd=0,
                    num_keypoints=14,
                    keypoints=np.c_[person, np.full(14, 2)].ravel().tolist()))
        records.append(
            dict(
                img_id=image_id,
                bboxes=np.zeros((3, 4)),
                scores=rng.random(3),
                labels=np.zeros(3, int),
                keypoints=found))
    categories = [dict(id=1, name='person')]
    return dict(
        images=images, annotations=annotations,
        categories=categories), HumanPredictions(records, [1])


def test_crowding():
    dataset, crowd_predictions = crowds(np.random.default_rng(0))
    values = HumanEvaluator(metrics='pose').evaluate(
        GroundTruth(dataset, metrics=['pose'], fields=CROWDPOSE),
        crowd_predictions)
    for level, images in (('easy', range(4)), ('medium', range(4, 32)),
                          ('hard', range(32, 40))):
        # crowdIndex below 4 / 40, below 32 / 40, and the rest
        part = GroundTruth(
            dict(
                images=[dict(id=i) for i in images],
                categories=dataset['categories'],
                annotations=[
                    annotation for annotation in dataset['annotations']
                    if annotation['image_id'] in images
                ]),
            metrics=['pose'],
            fields=CROWDPOSE)
        records = [
            record for record in crowd_predictions._images
            if record['img_id'] in images
        ]
        expected = HumanEvaluator(metrics='pose').evaluate(
            part, HumanPredictions(records, [1]))
        assert values[f'pose_AP_{level}'] == expected['pose_AP']
        assert not any('easy' in key for key in expected)


@pytest.mark.ops
def test_crowding_as_xtcocotools(tmp_path, capsys):
    xt_coco = pytest.importorskip('xtcocotools.coco')
    xt_eval = pytest.importorskip('xtcocotools.cocoeval')
    dataset, crowd_predictions = crowds(np.random.default_rng(1))
    path = tmp_path / 'crowdpose.json'
    path.write_text(json.dumps(dataset))
    sigmas = np.full(14, .08)
    coco = xt_coco.COCO(str(path))
    evaluator = xt_eval.COCOeval(
        coco,
        coco.loadRes(crowd_predictions.results('keypoints')),
        'keypoints_crowd',
        sigmas,
        use_area=False)
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    values = HumanEvaluator(
        metrics='pose', crowding_bounds=(.2, .8)).evaluate(
            GroundTruth(dataset, metrics=['pose'], fields=CROWDPOSE),
            crowd_predictions)
    names = ('AP', 'AP_50', 'AP_75', 'AR', 'AR_50', 'AR_75', 'AP_easy',
             'AP_medium', 'AP_hard')
    assert [values[f'pose_{name}'] for name in names] == pytest.approx(
        evaluator.stats.tolist(), abs=6e-5)  # xtcocotools rounds


def test_table():
    table = results_table(evaluate(metrics=['box', 'age']))
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in table.splitlines() if '|' in line]
    header, box, age = rows
    assert header[:2] == ['task', 'AP'] and box[:2] == ['box', '1.0000']
    assert box[header.index('AP_S')] == '-'  # no small person
    assert age[header.index('AR')] == ''  # no such number for ages
