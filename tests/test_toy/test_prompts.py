import numpy as np
import pytest

from mmhqnet.toy import draw_scene
from mmhqnet.toy.prompts import captions_of, noun_of


@pytest.mark.parametrize('age, gender, noun', [(70, 1, 'old woman'),
                                               (25, 0, 'young man'),
                                               (40, 1, 'woman'),
                                               (10, 0, 'boy'), (1, 1, 'baby'),
                                               (None, None, 'person'),
                                               (10, None, 'child')])
def test_nouns(age, gender, noun):
    assert noun_of(age, gender) == noun


def person(x, clothes, **who):
    return dict(bbox=[x, 0, 10, 20], clothes=clothes, **who)


def test_captions_mean_one_person_only():
    first = person(50, 'a red dress', age=70, gender=1)
    second = person(10, 'a blue shirt', age=40, gender=1)
    captions = captions_of([first, second])
    assert 'old woman' in captions[0]
    # The old woman is a woman too.
    assert 'woman' not in captions[1]
    assert 'woman in a blue shirt' in captions[1]
    assert 'right person' in captions[0] and 'left person' in captions[1]
    assert 'old woman in a red dress, right' in captions[0]


def test_who_is_unknown_can_be_anybody():
    captions = captions_of([
        person(10, 'a red dress'),
        person(50, 'a red dress', age=40, gender=1)
    ])
    assert not any('red dress' in way and 'left' not in way
                   for way in captions[0])


def test_drawn_people_know_their_clothes():
    _, people = draw_scene(np.random.default_rng(0), 96, 96)
    assert all(person['clothes'].split()[0] in ('a', 'an')
               for person in people)
    assert all(captions_of(people))
