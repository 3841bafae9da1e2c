"""Age and gender show."""
import numpy as np

from mmhqnet.toy.traits import FEMALE, MALE, MAX_AGE, fashion


def test_age_shows(figure, person):
    heights = [
        figure(age=age).points['pelvis'][1] - figure(age=age).points['head'][1]
        for age in (0, 4, 9, 20)
    ]
    assert heights == sorted(heights) and heights[0] < 0.6 * heights[-1]
    assert person(2).head > person(8).head > person(25).head
    grey = [
        np.mean([np.ptp(person(age, seed=seed).hair) for seed in range(12)])
        for age in (20, 55, 80)
    ]
    assert grey[0] > grey[1] > grey[2]
    assert person(80).stoop > person(40).stoop
    for age in range(0, MAX_AGE - 15):  # no two generations dress alike
        assert np.abs(fashion(age) - fashion(age + 15)).sum() > 40


def test_gender_shows(person):
    styles = {
        gender: {person(30, gender, seed).hair_style
                 for seed in range(20)}
        for gender in (MALE, FEMALE)
    }
    assert not styles[MALE] & styles[FEMALE]
    outfits = [person(30, FEMALE, seed).outfit for seed in range(20)]
    assert np.mean([outfit != 'trousers' for outfit in outfits]) > 0.7
    assert all(
        person(30, MALE, seed).outfit in ('trousers', 'shorts')
        for seed in range(20))
