"""What a toy person is like: everything that age and gender decide."""
from dataclasses import dataclass

import numpy as np

from .canvas import mix, shade

MALE, FEMALE = 0, 1
MAX_AGE = 84

# Growth and ageing, linear between these ages; lengths are fractions of the
# person's own stature, stature itself is a fraction of an adult's.
AGES = (0, 2, 5, 10, 15, 20, 50, 70, 84)
GROWTH = dict(
    stature=(0.46, 0.52, 0.64, 0.79, 0.93, 1.00, 1.00, 0.97, 0.93),
    heads=(3.0, 3.3, 3.9, 4.6, 5.2, 5.6, 5.6, 5.5, 5.4),
    leg=(0.33, 0.36, 0.41, 0.45, 0.47, 0.48, 0.48, 0.48, 0.48),
    arm=(0.27, 0.28, 0.29, 0.31, 0.32, 0.33, 0.33, 0.33, 0.33),
    shoulder=(0.120, 0.115, 0.108, 0.104, 0.106, 0.112, 0.114, 0.110, 0.104),
    girth=(1.45, 1.35, 1.20, 1.05, 1.00, 1.00, 1.06, 1.05, 0.98),
    belly=(0.085, 0.075, 0.062, 0.056, 0.056, 0.058, 0.074, 0.076, 0.070),
    stoop=(0, 0, 0, 0, 0, 0, 4, 16, 30),
    grey=(0, 0, 0, 0, 0, 0, 0.42, 0.80, 1.0),
    wrinkles=(0, 0, 0, 0, 0, 0, 0.35, 0.75, 1.0),
    eyes=(1.5, 1.45, 1.35, 1.2, 1.1, 1.0, 0.95, 0.9, 0.85))

# Every age has its fashion: the colour of the top drifts along this ramp.
FASHION_AGES = (0, 12, 24, 36, 48, 60, 72, 84)
FASHION = np.array([(255, 220, 110), (255, 158, 60), (228, 72, 60),
                    (205, 62, 135), (128, 80, 190), (62, 100, 205),
                    (36, 142, 160), (96, 138, 100)], dtype=float)

SKINS = np.array([(255, 224, 196), (246, 205, 170), (229, 178, 136),
                  (200, 144, 104), (158, 106, 72), (116, 76, 52)], float)
HAIRS = np.array([(42, 32, 30), (70, 46, 34), (112, 70, 40), (170, 92, 44),
                  (214, 168, 92), (30, 30, 38)], float)
TROUSERS = np.array([(58, 72, 104), (78, 66, 60), (70, 74, 78),
                     (112, 96, 76), (44, 48, 58), (84, 98, 76)], float)
SHOES = np.array([(60, 42, 36), (40, 40, 46), (150, 60, 50), (236, 234, 228),
                  (86, 92, 110)], float)


def growth(name, age):
    """Value of a row of ``GROWTH`` at an age in years."""
    return float(np.interp(age, AGES, GROWTH[name]))


def fashion(age):
    """Colour of the clothes people of an age wear: RGB of shape (3, )."""
    return np.array([np.interp(age, FASHION_AGES, FASHION[:, channel])
                     for channel in range(3)])


@dataclass
class Traits:
    """A person's looks, independent of pose and position.

    Lengths are fractions of the person's own stature, colours RGB 0..255.
    """
    age: int
    gender: int
    stature: float
    head: float
    leg: float
    arm: float
    shoulder: float
    hip: float
    girth: float
    belly: float
    stoop: float
    wrinkles: float
    eyes: float
    skin: np.ndarray
    hair: np.ndarray
    hair_style: str
    bald: float
    beard: str
    glasses: bool
    outfit: str
    pattern: str
    long_sleeves: bool
    top: np.ndarray
    bottom: np.ndarray
    shoes: np.ndarray
    cane: bool
    balloon: bool


def _hair_style(rng, age, gender):
    if age < 2:
        return 'tuft'
    if gender == MALE:
        return rng.choice(['short', 'quiff'])
    if age < 13:
        return rng.choice(['pigtails', 'ponytail', 'long'])
    if age < 55:
        return rng.choice(['long', 'long', 'ponytail', 'bob'])
    return rng.choice(['bun', 'bun', 'bob', 'long'])


def _outfit(rng, age, gender):
    if age < 2:
        return 'romper'
    if gender == FEMALE:
        return rng.choice(['dress', 'skirt', 'trousers'], p=[.55, .37, .08])
    return 'shorts' if rng.random() < (0.6 if age < 12 else 0.1) else (
        'trousers')


def sample_traits(rng):
    """Invent a person.

    Args:
        rng (np.random.Generator): Source of all chance.

    Returns: Age is uniform over 0..84, both genders are equally likely.
    """
    age = int(rng.integers(0, MAX_AGE + 1))
    gender = int(rng.integers(0, 2))
    adult = np.clip((age - 8) / 10, 0, 1)  # when bodies begin to differ
    outfit = _outfit(rng, age, gender)

    colour_age = np.clip(age + rng.normal(0, 2.5), 0, MAX_AGE)
    top = shade(fashion(colour_age), rng.uniform(0.92, 1.06))
    if outfit == 'romper':
        bottom = top
    elif outfit == 'dress':
        bottom = shade(top, 0.97)
    elif outfit == 'skirt':
        bottom = mix(shade(top, 0.62), rng.choice(TROUSERS), 0.25)
    else:
        bottom = shade(rng.choice(TROUSERS), rng.uniform(0.9, 1.15))

    grey = growth('grey', np.clip(age + rng.normal(0, 3), 0, MAX_AGE))
    skin = rng.choice(SKINS)
    hair = mix(rng.choice(HAIRS), (222, 224, 232), grey)
    if np.abs(hair - skin).sum() < 110:  # would look bald
        hair = shade(hair, 0.7 if hair.mean() < skin.mean() else 1.3)
    bald = 0.0
    if gender == MALE and age > 35 and rng.random() < 0.6:
        bald = float(np.clip((age - 32) / 40, 0, 1))
    beard = 'none'
    if gender == MALE and age >= 20:
        beard = rng.choice(['none', 'full', 'moustache', 'none'])

    return Traits(
        age=age,
        gender=gender,
        stature=growth('stature', age) * rng.normal(1, 0.015) *
        (1 - 0.06 * adult * gender),
        head=1 / growth('heads', age),
        leg=growth('leg', age),
        arm=growth('arm', age),
        shoulder=growth('shoulder', age) * (1 + adult *
                                            (0.08, -0.12)[gender]),
        hip=0.062 + 0.008 * adult * (gender - 0.5),
        girth=growth('girth', age) * rng.normal(1, 0.04),
        belly=growth('belly', age) * rng.normal(1, 0.05),
        stoop=growth('stoop', age) * rng.uniform(0.8, 1.2),
        wrinkles=growth('wrinkles', age),
        eyes=growth('eyes', age),
        skin=skin,
        hair=hair,
        hair_style=str(_hair_style(rng, age, gender)),
        bald=bald,
        beard=str(beard),
        glasses=bool(rng.random() < np.interp(age, (6, 45, 84),
                                              (.03, .12, .55))),
        outfit=str(outfit),
        pattern=str(rng.choice(['plain', 'stripes', 'plain', 'buttons'])),
        long_sleeves=bool(rng.random() < np.interp(age, (2, 20, 84),
                                                   (.2, .35, .95))),
        top=top,
        bottom=bottom,
        shoes=rng.choice(SHOES),
        cane=bool(rng.random() < np.interp(age, (60, 84), (0, .9))),
        balloon=bool(2 < age < 12 and rng.random() < 0.25))
