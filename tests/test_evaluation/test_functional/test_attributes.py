"""Gender and age AP: by hand, and against loops that spell out the rules."""
import numpy as np
import pytest

from mmhqnet.errors import InputError
from mmhqnet.evaluation import GroundTruth, attribute_ap
from mmhqnet.evaluation.functional.attributes import (attribute_ap_of_persons,
                                                      detected_persons)
from mmhqnet.structures.person_fields import FIELDS

MALE, FEMALE = 0, 1
LEFT, RIGHT = [0, 0, 100, 100], [200, 0, 100, 100]  # large persons
BOTH_PROTOCOLS = pytest.mark.parametrize('protocol',
                                         ['official', 'ignore_unlabelled'])


def person(bbox, **fields):
    return dict(image_id=1, bbox=bbox, area=bbox[2] * bbox[3], **fields)


def detection(bbox, score, gender=MALE, age=0, image_id=1):
    return dict(
        image_id=image_id, bbox=bbox, score=score, gender=gender, age=age)


COUPLE = [person(LEFT, gender=MALE), person(RIGHT, gender=FEMALE)]


def gender_ap(gts, preds, key='AP', protocol='official'):
    return attribute_ap(gts, preds, 'gender', protocol)[key]


@BOTH_PROTOCOLS
def test_perfect(protocol):
    preds = [detection(LEFT, .9, MALE), detection(RIGHT, .2, FEMALE)]
    values = attribute_ap(COUPLE, preds, 'gender', protocol)
    for key in ('AP', 'AP_50', 'AP_75', 'AP_L', 'AP_no_small'):
        assert values[key] == pytest.approx(1)
    assert values['AP_S'] == values['AP_M'] == -1  # no such persons


@BOTH_PROTOCOLS
def test_empty(protocol):
    assert gender_ap(COUPLE, [], 'AP', protocol) == 0
    assert gender_ap(COUPLE, [], 'AP_M', protocol) == -1
    assert gender_ap([], [detection(LEFT, .9)], 'AP', protocol) == -1
    assert gender_ap([], [], 'AP', protocol) == -1


def test_one_wrong_attribute():
    preds = [detection(LEFT, .9, MALE), detection(RIGHT, .8, MALE)]
    # One of two persons at precision 1: recalls 0, .01, ..., .50 of 101.
    assert gender_ap(COUPLE, preds) == pytest.approx(51 / 101)


def test_swapped_pair():
    preds = [detection(LEFT, .9, FEMALE), detection(RIGHT, .8, MALE)]
    assert gender_ap(COUPLE, preds) == 0


def test_wrong_attribute_leaves_the_person_free():
    preds = [detection(LEFT, .9, FEMALE), detection(LEFT, .8, MALE)]
    # A false positive, then the person: precision 1/2 at every recall.
    assert gender_ap(COUPLE[:1], preds) == pytest.approx(1 / 2)


def test_duplicates():
    preds = [
        detection(LEFT, .9, MALE),
        detection(LEFT, .8, MALE),
        detection(RIGHT, .7, FEMALE)
    ]
    # Right, wrong, right: precision 1 up to recall .5, then 2/3.
    assert gender_ap(COUPLE, preds) == pytest.approx(
        (51 * 1 + 50 * 2 / 3) / 101)


def test_no_second_best_person():
    # IoU with the man 1, with the woman 90 * 100 / (110 * 100) = .82.
    gts = [person(LEFT, gender=MALE), person([10, 0, 100, 100], gender=FEMALE)]
    assert gender_ap(gts, [detection(LEFT, .9, FEMALE)], 'AP_50') == 0
    # Once the man is taken, the woman is the best that is left.
    preds = [detection(LEFT, .9, MALE), detection(LEFT, .8, FEMALE)]
    assert gender_ap(gts, preds, 'AP_50') == pytest.approx(1)


def test_mean_over_iou_thresholds():
    # IoU 62 / 100 is enough for .50, .55 and .60, three of ten thresholds.
    preds = [detection([0, 0, 62, 100], .9, MALE)]
    values = attribute_ap(COUPLE[:1], preds, 'gender')
    assert values['AP'] == pytest.approx(3 / 10)
    assert values['AP_50'] == pytest.approx(1)
    assert values['AP_75'] == 0


def test_labelled_crowd_is_ignored():
    gts = [COUPLE[0], person(RIGHT, gender=FEMALE, iscrowd=1)]
    inside_the_crowd = [[200, 0, 30, 30], [240, 40, 30, 30]]
    preds = [detection(box, .9, FEMALE) for box in inside_the_crowd]
    preds.append(detection(LEFT, .8, MALE))
    assert gender_ap(gts, preds) == pytest.approx(1)
    # Also with the wrong gender: the flag of the crowd counts.
    preds[0]['gender'] = MALE
    assert gender_ap(gts, preds) == pytest.approx(1)


def test_unlabelled_crowd():
    gts = [COUPLE[0], person(RIGHT, iscrowd=1)]
    preds = [detection([200, 0, 30, 100], .9), detection(LEFT, .8, MALE)]
    assert gender_ap(gts, preds) == pytest.approx(1 / 2)
    assert gender_ap(
        gts, preds, protocol='ignore_unlabelled') == pytest.approx(1)


def test_small_person():
    small = [200, 0, 20, 20]  # 400 < 32^2
    gts = [COUPLE[0], person(small, gender=FEMALE)]
    preds = [detection(LEFT, .8, MALE)]
    values = attribute_ap(gts, preds, 'gender')
    assert values['AP'] == pytest.approx(51 / 101)
    assert values['AP_no_small'] == pytest.approx(1)
    assert values['AP_S'] == 0 and values['AP_M'] == -1
    assert values['AP_L'] == pytest.approx(1)
    # A small detection of nobody is a false positive only with small ones.
    preds.append(detection([400, 0, 20, 20], .9))
    values = attribute_ap(gts, preds, 'gender')
    assert values['AP'] == pytest.approx(51 / 101 / 2)
    assert values['AP_no_small'] == pytest.approx(1)
    # A large detection of nobody is one for large persons, not for small.
    preds.append(detection([400, 0, 100, 100], .95))
    values = attribute_ap(gts, preds, 'gender')
    assert values['AP_no_small'] == pytest.approx(1 / 2)
    assert values['AP_L'] == pytest.approx(1 / 2)


def test_range_of_a_person_is_by_area_not_by_box():
    gts = [dict(COUPLE[0], area=50**2)]
    values = attribute_ap(gts, [detection(LEFT, .9)], 'gender')
    assert values['AP_M'] == pytest.approx(1)
    assert values['AP_L'] == -1


def test_unlabelled_person():
    gts = [COUPLE[0], person(RIGHT), person([400, 0, 99, 99], gender=None)]
    preds = [
        detection(RIGHT, .9),
        detection([400, 0, 99, 99], .85),
        detection(LEFT, .8, MALE)
    ]
    # Official: two false positives, then the only labelled person.
    assert gender_ap(gts, preds) == pytest.approx(1 / 3)
    assert gender_ap(
        gts, preds, protocol='ignore_unlabelled') == pytest.approx(1)
    # An unlabelled person is there once: the second detection is wrong.
    preds.append(detection(RIGHT, .89))
    assert gender_ap(
        gts, preds, protocol='ignore_unlabelled') == pytest.approx(1 / 2)


@BOTH_PROTOCOLS
def test_images_without_labelled_person_do_not_count(protocol):
    gts = [COUPLE[0], dict(person(LEFT), image_id=2)]
    preds = [
        detection(LEFT, .8, MALE),
        detection(LEFT, .9, MALE, image_id=2),
        detection(RIGHT, .9, MALE, image_id=2),
        detection(RIGHT, .9, MALE, image_id=3)
    ]
    assert gender_ap(gts, preds, 'AP', protocol) == pytest.approx(1)


@pytest.mark.parametrize('predicted, expected', [(30, 1), (39.9, 1), (20.1, 1),
                                                 (40, 0), (20, 0), (41, 0)])
def test_age_must_be_less_than_ten_years_off(predicted, expected):
    gts = [person(LEFT, age=30)]
    preds = [detection(LEFT, .9, age=predicted)]
    assert attribute_ap(gts, preds, 'age')['AP'] == pytest.approx(expected)


def test_attribute_that_is_flagged_invalid_is_not_labelled():
    gts = [COUPLE[0], dict(COUPLE[1], valid=dict(gender=0, age=1))]
    assert attribute_ap(gts, [], 'gender')['AP'] == 0
    preds = [detection(LEFT, .9, MALE)]
    assert gender_ap(gts, preds) == pytest.approx(1)


def test_age_that_is_no_number_is_wrong():
    columns = detected_persons([1], [LEFT], [float('nan')], [.9])
    gts = GroundTruth(
        dict(
            images=[dict(id=1, height=100, width=100)],
            annotations=[person(LEFT, id=1, category_id=1, age=30)],
            categories=[dict(id=1, name='person')])).persons('age')
    assert attribute_ap_of_persons(gts, columns, FIELDS['age'])['AP'] == 0


NOBODY, SMALL = [400, 0, 100, 100], [600, 0, 20, 20]
CASES = dict(
    perfect=(COUPLE, [(LEFT, MALE), (RIGHT, FEMALE)]),
    empty=(COUPLE, []),
    one_wrong=(COUPLE, [(LEFT, MALE), (RIGHT, MALE)]),
    swapped=(COUPLE, [(LEFT, FEMALE), (RIGHT, MALE)]),
    duplicates=(COUPLE, [(LEFT, MALE), (LEFT, MALE), (RIGHT, FEMALE)]),
    free_again=(COUPLE, [(LEFT, FEMALE), (NOBODY, MALE), (LEFT, MALE)]),
    crowd=([COUPLE[0], dict(COUPLE[1], iscrowd=1)], [(RIGHT, MALE),
                                                     (RIGHT, FEMALE),
                                                     (LEFT, MALE)]),
    small=([COUPLE[0], person(SMALL, gender=FEMALE)], [(SMALL, MALE),
                                                       (LEFT, MALE)]),
    unlabelled=([COUPLE[0], person(RIGHT)], [(RIGHT, MALE), (LEFT, MALE)]))


@pytest.mark.parametrize('case', CASES)
@BOTH_PROTOCOLS
def test_ages_far_apart_behave_as_genders(case, protocol):
    persons, found = CASES[case]
    ages = {MALE: 20, FEMALE: 60}
    gts = [
        dict(gt, age=ages[gt['gender']]) if 'gender' in gt else gt
        for gt in persons
    ]
    preds = [
        detection(box, .9 - rank / 10, gender, ages[gender] + 9.5)
        for rank, (box, gender) in enumerate(found)
    ]
    values = attribute_ap(gts, preds, 'age', protocol)
    assert values == attribute_ap(gts, preds, 'gender', protocol)


def test_other_age_errors():
    gts = [person(LEFT, age=30)]
    preds = [detection(LEFT, .9, age=36)]
    assert attribute_ap(gts, preds, 'age', age_error=5)['AP'] == 0
    assert attribute_ap(
        gts, preds, 'age', age_error=6.5)['AP'] == pytest.approx(1)


def test_age_zero_is_a_label_and_minus_one_is_none():
    gts = [person(LEFT, age=0), person(RIGHT, age=-1)]
    preds = [detection(LEFT, .8, age=0), detection(RIGHT, .9, age=0)]
    assert attribute_ap(gts, preds, 'age')['AP'] == pytest.approx(1 / 2)


def test_ap_counts_100_detections_and_its_parts_1000():
    nobody = [[300 + i, 300, 100, 100] for i in range(100)]
    preds = [detection(box, .9) for box in nobody]
    preds.append(detection(LEFT, .8, MALE))
    values = attribute_ap(COUPLE[:1], preds, 'gender')
    assert values['AP'] == values['AP_no_small'] == 0
    assert values['AP_L'] == pytest.approx(1 / 101)
    assert values['AP_50'] == pytest.approx(1 / 101)


def test_order_of_images_and_persons_does_not_matter():
    rng = np.random.default_rng(0)
    gts, preds = random_data(rng)
    for pred in preds:  # no ties: those go by order
        pred['score'] = float(rng.random())
    expected = attribute_ap(gts, preds, 'gender')
    assert attribute_ap(gts[::-1], preds[::-1], 'gender') == expected


def test_arguments_stay_as_they_are():
    gts, preds = [dict(gt) for gt in COUPLE], [detection(LEFT, .9)]
    attribute_ap(gts, preds, 'gender')
    assert gts == COUPLE and preds == [detection(LEFT, .9)]


@pytest.mark.parametrize('change, message', [
    (dict(gender=2), "annotation 7: 'gender' must be 0 .* found 2"),
    (dict(gender='f'), "annotation 7: 'gender'"),
    (dict(bbox=[0, 0, 5]), "annotation 7: 'bbox'"),
    (dict(bbox=[0, 0, -5, 1]), "annotation 7: 'bbox'"),
    (dict(bbox=[0, 0, float('nan'), 1]), "annotation 7: 'bbox'"),
    (dict(area='big'), "annotation 7: 'area'"),
    (dict(iscrowd=2), "annotation 7: 'iscrowd'"),
    (dict(image_id=None), "annotation 7: 'image_id'"),
    (dict(valid=[1]), "annotation 7: 'valid'"),
])
def test_malformed_annotation(change, message):
    with pytest.raises(InputError, match=message):
        attribute_ap([{**COUPLE[0], 'id': 7, **change}], [], 'gender')


def test_impossible_age():
    with pytest.raises(InputError, match="annotation 7: 'age'.*300"):
        attribute_ap([person(LEFT, id=7, age=300)], [], 'age')


@pytest.mark.parametrize('field', ['score', 'gender', 'bbox', 'image_id'])
def test_malformed_prediction(field):
    preds = [detection(LEFT, .9), detection(LEFT, .9)]
    del preds[1][field]
    with pytest.raises(InputError, match=f"result 1: '{field}'"):
        attribute_ap(COUPLE, preds, 'gender')


def test_lists_of_something_else():
    with pytest.raises(InputError, match='predictions: must be a list'):
        attribute_ap(COUPLE, [LEFT], 'gender')
    with pytest.raises(InputError, match='ground truth: must be a list'):
        attribute_ap({'annotations': COUPLE}, [], 'gender')


def test_unknown_names():
    with pytest.raises(InputError, match='choose from gender, age'):
        attribute_ap(COUPLE, [], 'height')
    with pytest.raises(InputError, match='official, ignore_unlabelled'):
        attribute_ap(COUPLE, [], 'age', protocol='fair')


def naive_ap(gts, preds, attribute, protocol, low, high, max_dets):
    """The rules in plain loops: one image, threshold and pair at a time."""

    def labelled(gt):
        return gt.get(attribute) is not None

    images = sorted({gt['image_id'] for gt in gts if labelled(gt)})
    if protocol == 'official':
        gts = [gt for gt in gts if labelled(gt)]
    precisions = []
    for threshold in np.linspace(.5, .95, 10):
        outcomes, num_gts = [], 0  # (score, is a true positive)
        for image in images:
            here = [gt for gt in gts if gt['image_id'] == image]
            ignored = [
                gt['iscrowd'] or not labelled(gt)
                or not low <= gt['area'] <= high for gt in here
            ]
            num_gts += ignored.count(False)
            free = [True] * len(here)
            dets = [det for det in preds if det['image_id'] == image]
            dets.sort(key=lambda det: -det['score'])  # is stable
            for det in dets[:max_dets]:
                area = det['bbox'][2] * det['bbox'][3]
                choice = None
                for wanted in (False, True):  # regular persons first
                    for i, gt in enumerate(here):
                        if ignored[i] == wanted and (free[i] or gt['iscrowd']):
                            overlap = iou(det['bbox'], gt)
                            if overlap >= (threshold
                                           if choice is None else choice[0]):
                                choice = overlap, i
                    if choice is not None:
                        break
                if choice is not None:
                    gt = here[choice[1]]
                    if not labelled(gt):
                        right = True
                    elif attribute == 'gender':
                        right = det['gender'] == gt['gender']
                    else:
                        right = abs(det['age'] - gt['age']) < 10
                    if ignored[choice[1]]:
                        if right:
                            free[choice[1]] = False
                        continue
                    if right:
                        free[choice[1]] = False
                        outcomes.append((det['score'], True))
                        continue
                if low <= area <= high:
                    outcomes.append((det['score'], False))
        if not num_gts:
            return -1
        outcomes.sort(key=lambda outcome: -outcome[0])
        curve, hits = [], 0
        for rank, (_, is_hit) in enumerate(outcomes, 1):
            hits += is_hit
            curve.append((hits / num_gts, hits / rank))
        for recall in np.linspace(0, 1, 101):
            reached = [p for r, p in curve if r >= recall]
            precisions.append(max(reached, default=0))
    return sum(precisions) / len(precisions)


def iou(box, gt):
    (x, y, w, h), (u, v, s, t) = box, gt['bbox']
    overlap = max(0,
                  min(x + w, u + s) - max(x, u)) * max(
                      0,
                      min(y + h, v + t) - max(y, v))
    return overlap / (w * h if gt['iscrowd'] else w * h + s * t - overlap)


def random_data(rng, num_images=4):
    """Clusters of overlapping persons with noisy detections, tied scores."""
    gts, preds = [], []
    for image_id in rng.permutation(num_images).tolist():
        for _ in range(rng.integers(1, 7)):
            size = rng.choice([15, 25, 60, 150])
            box = np.r_[rng.uniform(0, 60, 2), rng.uniform(.7, 1.3, 2) * size]
            gt = dict(
                image_id=image_id,
                bbox=box.tolist(),
                area=float(box[2] * box[3] * rng.uniform(.4, 1)),
                iscrowd=int(rng.random() < .15))
            if rng.random() < .6:
                gt['gender'] = int(rng.integers(2))
            if rng.random() < .6:
                gt['age'] = int(rng.integers(85))
            gts.append(gt)
            for _ in range(rng.integers(0, 5)):
                noisy = box + rng.normal(size=4) * size * rng.choice([0, .1])
                preds.append(
                    detection(
                        np.maximum(noisy, 1).tolist(),
                        float(rng.integers(20)) / 20, int(rng.integers(2)),
                        float(rng.uniform(0, 85)), image_id))
                if rng.random() < .5:
                    preds[-1].update({
                        key: gt[key]
                        for key in ('gender', 'age') if key in gt
                    })
    return gts, preds


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('attribute', ['gender', 'age'])
@BOTH_PROTOCOLS
def test_equals_plain_loops(seed, attribute, protocol):
    compare_with_plain_loops(*random_data(np.random.default_rng(seed)),
                             attribute, protocol)


@pytest.mark.parametrize('attribute', ['gender', 'age'])
@BOTH_PROTOCOLS
def test_equals_plain_loops_with_many_detections(attribute, protocol):
    gts, preds = random_data(np.random.default_rng(0), num_images=2)
    preds *= 20  # and as many ties
    assert max(np.bincount([pred['image_id'] for pred in preds])) > 100
    compare_with_plain_loops(gts, preds, attribute, protocol)


def compare_with_plain_loops(gts, preds, attribute, protocol):
    values = attribute_ap(gts, preds, attribute, protocol)
    ranges = dict(
        AP=(0, 1e10),
        AP_S=(0, 32**2),
        AP_M=(32**2, 96**2),
        AP_L=(96**2, 1e10),
        AP_no_small=(32**2, 1e10))
    for key, (low, high) in ranges.items():
        max_dets = 100 if key in ('AP', 'AP_no_small') else 1000
        expected = naive_ap(gts, preds, attribute, protocol, low, high,
                            max_dets)
        assert values[key] == pytest.approx(expected, abs=1e-12)
