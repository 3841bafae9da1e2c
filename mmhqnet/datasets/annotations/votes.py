"""From the votes of several annotators to one label per person.

HQNet (arXiv 2312.05525), sec. 3.1 and A1: annotators first vote on a
person's age group, whose mode is the label; then ten of them estimate the
apparent age, and the mean after removing outliers is the label. What the
paper leaves open is decided here and said so: ties, the outlier rule and
rounding.
"""
import csv
from collections import defaultdict
from typing import Dict, List, Optional, Sequence

import numpy as np

from mmhqnet.errors import InputError

VOTES = ('gender', 'age_group', 'age')
GENDERS = {'0': 0, 'male': 0, '1': 1, 'female': 1}
OLDEST_VOTE = 120  # years; anything above is a typing error

# attribute -> {annotator: vote}, of one person
PersonVotes = Dict[str, Dict[str, float]]


def majority(votes: Sequence[int]) -> Optional[int]:
    """The most frequent vote, for classes without an order.

    None if several classes are equally frequent; such a person is better left
    unlabelled (our choice).
    """
    modes = _modes(votes)
    return int(modes[0]) if len(modes) == 1 else None


def age_group_mode(votes: Sequence[int]) -> int:
    """The most frequent age group.

    Among equally frequent groups the one nearest to the median of all votes
    wins, then the younger one (our choice).
    """
    modes = _modes(votes)
    return int(modes[np.abs(modes - np.median(votes)).argmin()])


def _modes(votes: Sequence[int]) -> np.ndarray:
    """The most frequent votes, in ascending order."""
    values, counts = np.unique(votes, return_counts=True)
    return values[counts == counts.max()]


def age_inliers(ages: Sequence[float], fence: float = 1.5) -> np.ndarray:
    """Tell the votes on a person's age from the outliers.

    The paper does not give its rule; this is Tukey's: an outlier lies more
    than ``fence`` interquartile ranges outside of the quartiles. Fewer than
    four votes have no meaningful quartiles and are all kept.

    Returns: bool, True for the votes to keep; at least half of them.
    """
    ages = np.asarray(ages, float)
    if len(ages) < 4:
        return np.ones(len(ages), bool)
    first, third = np.percentile(ages, [25, 75])
    margin = fence * (third - first)
    return (ages >= first - margin) & (ages <= third + margin)


def apparent_age(ages: Sequence[float]) -> float:
    """Mean of the votes on a person's age without the outliers, in years."""
    return float(np.asarray(ages, float)[age_inliers(ages)].mean())


def age_consistency(votes: Sequence[Sequence[float]], n: float) -> float:
    r"""Age-n consistency, the paper's equation 1: how far votes are trusted.

    .. math:: C_n = \frac{1}{N K} \sum_{i=1}^{N} \sum_{k=1}^{K}
        [\,|a_{ik} - a_i| \le n\,]

    a_i, the label of person i, is the mean of its votes a_i1 ... a_iK
    without the outliers; the votes counted are all of them. Where persons
    have different numbers of votes, every vote counts the same.

    Returns: A fraction in [0, 1]; nan without votes.
    """
    distances = [
        np.abs(np.asarray(ages) - apparent_age(ages)) for ages in votes if ages
    ]
    if not distances:
        return float('nan')
    return float((np.concatenate(distances) <= n).mean())


def label_person(votes: PersonVotes, max_age: int = 85) -> dict:
    """Turn the votes on one person into labels.

    Returns:
        dict: ``gender`` (0 male, 1 female), ``age_group`` (from 0), ``age``
        (whole years, halves upwards, at most ``max_age``), each None if
        there is no vote or no decision; ``age_mean``, the mean before
        rounding, ``age_votes`` and ``age_outliers``, counts.
    """
    gender, group, ages = (list(votes.get(a, {}).values()) for a in VOTES)
    mean = apparent_age(ages) if ages else None
    return dict(
        gender=majority(gender) if gender else None,
        age_group=age_group_mode(group) if group else None,
        age=min(int(mean + 0.5), max_age) if ages else None,
        age_mean=mean,
        age_votes=len(ages),
        age_outliers=int((~age_inliers(ages)).sum()))


def read_votes(
        path: str,
        age_groups: Optional[Sequence[str]] = None) -> Dict[int, PersonVotes]:
    """Read a CSV file of votes.

    The header names the columns: ``annotation_id``, ``annotator``, and one or
    more of ``gender`` (male, female, or 0, 1), ``age_group`` and ``age`` (in
    years). A row holds what one annotator said of one person; an empty cell
    is no vote. The votes of the two stages may be in different rows, but
    nobody votes twice on the same thing.

    Args:
        path: The file.
        age_groups: Names of the age groups from the youngest to the oldest;
            without, the file holds their numbers, from 0.

    Returns:
        For each annotation id, for each attribute, the votes by annotator;
        age groups as numbers.

    Raises: InputError: The file is malformed; names the line.
    """
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            reader = csv.reader(file, strict=True)
            return _parse_votes(reader, path, age_groups)
    except OSError as error:
        raise InputError(f'{path}: cannot read this file '
                         f'({error.strerror})') from error
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: not a text file in UTF-8') from error


def _parse_votes(reader, path, age_groups) -> Dict[int, PersonVotes]:
    persons = defaultdict(lambda: {attribute: {} for attribute in VOTES})
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, path)
        for row in reader:
            if not row:
                continue
            where = f'{path}, line {reader.line_num}'
            if len(row) != len(header):
                raise InputError(f'{where}: {len(row)} columns, the header '
                                 f'has {len(header)}')
            cells = dict(zip(header, map(str.strip, row)))
            try:
                person = persons[int(cells['annotation_id'])]
            except ValueError as error:
                raise InputError(
                    f"{where}: annotation_id is '{cells['annotation_id']}', "
                    'must be an integer') from error
            where = f"{where}, annotation {cells['annotation_id']}"
            annotator = cells['annotator']
            if not annotator:
                raise InputError(f'{where}: annotator is empty')
            for attribute in VOTES:
                if not cells.get(attribute):
                    continue
                if annotator in person[attribute]:
                    raise InputError(
                        f"{where}: annotator '{annotator}' votes again on "
                        f'{attribute}')
                person[attribute][annotator] = _parse_vote(
                    cells[attribute], attribute, where, age_groups)
    except csv.Error as error:
        raise InputError(
            f'{path}, line {reader.line_num}: not CSV ({error})') from error
    return dict(persons)


def _check_header(header: List[str], path: str) -> None:
    required = {'annotation_id', 'annotator'}
    known = required | set(VOTES)
    if (not required <= set(header) <= known or not set(header) - required
            or len(set(header)) < len(header)):
        raise InputError(
            f'{path}, line 1: columns are {",".join(header) or "missing"}; '
            'expected annotation_id, annotator and some of '
            f'{", ".join(VOTES)}, each once')


def _parse_vote(text, attribute, where, age_groups) -> float:
    try:
        if attribute == 'gender':
            return GENDERS[text.lower()]
        if attribute == 'age_group' and age_groups:
            return list(age_groups).index(text)
        # There are no more groups than years.
        if attribute == 'age_group' and 0 <= int(text) <= OLDEST_VOTE:
            return int(text)
        if attribute == 'age' and 0 <= float(text) <= OLDEST_VOTE:
            return float(text)
    except (KeyError, ValueError):
        pass
    expected = dict(
        gender='male, female, 0 or 1',
        age_group=f'one of {", ".join(age_groups)}' if age_groups else
        f'a number from 0 to {OLDEST_VOTE} (or name the groups with '
        '--age-groups)',
        age=f'a number of years from 0 to {OLDEST_VOTE}')[attribute]
    raise InputError(f"{where}: {attribute} is '{text}', must be {expected}")
