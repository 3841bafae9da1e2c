import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmhqnet.apis import Persons
from mmhqnet.apis.prompt_selection import person_meant, select_person
from mmhqnet.apis.sources import Frame
from mmhqnet.datasets.annotations.referring import mask_of
from mmhqnet.datasets.annotations.scribbles import draw_scribble
from mmhqnet.errors import InputError
from mmhqnet.structures import Box, Point, Scribble, Text
from mmhqnet.toy import draw_scene

COCO = Path(__file__).parents[1] / 'data/coco_ccby/person_keypoints.json'


def persons(masks=True):
    """A large person and a small one in front of it; only boxes overlap
    fully."""
    drawn = np.zeros((2, 40, 60), bool)
    drawn[0, 5:35, 5:50] = True
    drawn[0, 10:30, 20:30] = False
    drawn[1, 10:30, 20:30] = True
    result = dict(
        bboxes=np.array([[5, 5, 50, 35], [20, 10, 30, 30]], float),
        scores=np.array([.9, .8]))
    return dict(result, masks=drawn) if masks else result


@pytest.mark.parametrize('prompt, person', [
    (Point(25, 20), 1),
    (Point(10, 10), 0),
    (Point(55, 38), None),
    (Scribble([[25, 12], [25, 20], [40, 20]]), 1),
    (Scribble([[25, 12], [40, 12], [40, 20]]), 0),
    (Scribble([[25, 12], [70, 90]]), 1),
    (Box(19, 9, 31, 31), 1),
    (Box(0, 0, 60, 40), 0),
    (Box(52, 36, 60, 40), None),
    (Text('person on the right'), 0),
])
def test_by_mask(prompt, person):
    assert select_person(prompt, persons(), (40, 60)) == person


def test_the_inferencers_persons():
    found = persons()
    instances = InstanceData(
        bboxes=torch.tensor(found['bboxes']),
        scores=torch.tensor(found['scores']),
        labels=torch.zeros(2, dtype=torch.long),
        masks=torch.tensor(found['masks']),
        genders=torch.tensor([0, 1]),
        gender_scores=torch.tensor([.1, .9]),
        ages=torch.tensor([30., 70.]))
    image = np.zeros((40, 60, 3), np.uint8)
    frame = Frame(image, 'a', None, None, None, None, None)
    result = Persons(frame, instances)
    person = person_meant(result, Point(25, 20))
    assert person.age == 70 and person.mask.sum() == 200
    assert person_meant(result, Text('old woman')).age == 70
    assert person_meant(result, Point(55, 38)) is None
    for prompt in (Point(1, 1), Text('oldest woman')):
        assert person_meant(Persons(frame), prompt) is None


def test_without_masks_the_box_and_the_score_decide():
    assert select_person(Point(25, 20), persons(False), (40, 60)) == 0
    assert select_person(Point(10, 10), persons(False), (40, 60)) == 0
    undrawn = persons()
    undrawn['masks'][1] = False
    assert select_person(Point(25, 20), undrawn, (40, 60)) == 1


def test_between_equals_the_smaller_is_in_front():
    both = persons()
    both['masks'][0, 10:30, 20:30] = True
    both['scores'][:] = 1
    assert select_person(Point(25, 20), both, (40, 60)) == 1


def test_nobody_and_nowhere():
    nobody = dict(bboxes=np.zeros((0, 4)), scores=np.zeros(0))
    assert select_person(Point(1, 1), nobody, (40, 60)) is None
    with pytest.raises(InputError, match='60 x 40'):
        select_person(Point(61, 1), persons(), (40, 60))


def pictures():
    """Masks of the people of drawn pictures and of photos."""
    for seed in range(12):
        _, people = draw_scene(np.random.default_rng(seed), 96, 128, 3)
        yield 96, 128, people
    content = json.loads(COCO.read_text())
    for image in content['images']:
        people = [
            ann for ann in content['annotations']
            if ann['image_id'] == image['id'] and not ann['iscrowd']
        ]
        if people:
            yield image['height'], image['width'], people


def test_true_persons_are_found_by_points_and_scribbles_on_them():
    right = total = overlapping = 0
    for height, width, people in pictures():
        masks = np.stack([mask_of(ann, height, width) for ann in people])
        x, y, w, h = np.array([ann['bbox'] for ann in people], float).T
        found = dict(
            bboxes=np.stack([x, y, x + w, y + h], 1),
            scores=np.ones(len(people)),
            masks=masks)
        for index, mask in enumerate(masks):
            scribble = draw_scribble(mask, np.random.default_rng(index))
            for prompt in (Scribble(scribble), Point(*scribble[5].tolist())):
                points = prompt.points.astype(int)
                shares = masks[:, points[:, 1], points[:, 0]].mean(1)
                if (shares == 1).sum() > 1:
                    overlapping += 1  # annotated masks overlap: a tie
                    continue
                total += 1
                right += select_person(prompt, found, (height, width)) == index
    assert total > 100 and overlapping < .05 * total
    assert right == total
