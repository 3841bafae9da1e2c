import numpy as np
import pytest

from mmhqnet.apis.descriptions import choose, parse
from mmhqnet.errors import InputError

# From the left: girl (8), old man (70), woman (40), boy (5), old woman (75).
PERSONS = dict(
    bboxes=np.array([[0, 40, 10, 80], [20, 10, 35, 90], [40, 20, 55, 90],
                     [60, 50, 70, 85], [80, 15, 98, 92]]),
    scores=np.array([.9, .8, .7, .95, .6]),
    genders=np.array([1, 0, 1, 0, 1]),
    ages=np.array([8.2, 70, 40, 5, 75]))
GIRL, OLD_MAN, WOMAN, BOY, OLD_WOMAN = range(5)


@pytest.mark.parametrize('caption, person', [
    ('the oldest woman', OLD_WOMAN),
    ('child on the left', GIRL),
    ('second from the right', BOY),
    ('Second from the left', OLD_MAN),
    ('the second woman from the right', WOMAN),
    ('leftmost person', GIRL),
    ('man', OLD_MAN),
    ('boys', BOY),
    ('the old woman', OLD_WOMAN),
    ('woman', WOMAN),
    ('person in the middle', WOMAN),
    ('the youngest one', BOY),
    ('tallest', OLD_MAN),
    ('smallest female', GIRL),
    ('largest person on the left side', OLD_MAN),
    ('last', OLD_WOMAN),
    ('first man', OLD_MAN),
    ('person', BOY),
    ('fourth woman', None),
    ('teenager', None),
    ('oldest boy on the left', None),
])
def test_simple_words(caption, person):
    assert choose(parse(caption), PERSONS, (100, 100)) == person


@pytest.mark.parametrize('caption, word', [
    ('woman with a red hat', 'with'),
    ('guitarist', 'guitarist'),
    ('the man behind', 'behind'),
])
def test_what_it_cannot_know_is_named(caption, word):
    with pytest.raises(InputError, match=f"of '{word}'"):
        parse(caption)


@pytest.mark.parametrize('caption', [
    'old baby', 'male woman', 'left right', 'first second', 'the one',
    'oldest youngest'
])
def test_contradictions_and_nothing(caption):
    with pytest.raises(InputError):
        parse(caption)


def test_a_model_without_ages_cannot_tell_the_oldest():
    persons = dict(PERSONS, ages=None)
    with pytest.raises(InputError, match='ages'):
        choose(parse('oldest'), persons, (100, 100))
    assert choose(parse('left'), persons, (100, 100)) == GIRL


def test_unknown_labels_never_fit():
    persons = dict(PERSONS, ages=np.full(5, -1.), genders=np.full(5, -1))
    for caption in ('old', 'child', 'woman', 'oldest'):
        assert choose(parse(caption), persons, (100, 100)) is None


def test_an_image_without_persons():
    nobody = {key: value[:0] for key, value in PERSONS.items()}
    for caption in ('left', 'person', 'oldest', 'first'):
        assert choose(parse(caption), nobody, (100, 100)) is None


def test_mirrored_words_mean_the_mirrored_person():
    from mmhqnet.structures import swap_sides
    mirrored = dict(PERSONS, bboxes=PERSONS['bboxes'].copy())
    mirrored['bboxes'][:, [0, 2]] = 100 - PERSONS['bboxes'][:, [2, 0]]
    for caption in ('child on the left', 'second woman from the right',
                    'rightmost man', 'oldest on the left'):
        assert choose(parse(swap_sides(caption)), mirrored,
                      (100, 100)) == choose(
                          parse(caption), PERSONS, (100, 100))
