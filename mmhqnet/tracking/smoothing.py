"""Attributes of a person, averaged over the frames of its track."""
from collections import defaultdict
from typing import Dict, Iterable, List

import torch
from mmengine.structures import InstanceData

EPS = 1e-4  # no frame may decide alone


class RunningMeans:
    """Means of the attributes of each track over its frames so far.

    The probability of female is averaged as log-odds, the age in years.
    """

    def __init__(self) -> None:
        self.sums: Dict[int,
                        Dict[str,
                             float]] = defaultdict(lambda: defaultdict(float))
        self.counts: Dict[int, int] = defaultdict(int)

    def update(self, persons: InstanceData, ids: List[int],
               keep: Iterable[int]) -> None:
        """Add a frame, and replace its attributes by those of the tracks.

        Args:
            persons (InstanceData): n persons; ``gender_scores``, ``genders``
                and ``ages`` are changed if they are there.
            ids (list[int]): Their tracks.
            keep (Iterable[int]): Tracks that may still come; others are
                forgotten.
        """
        evidence = {}
        if 'gender_scores' in persons:
            evidence['gender'] = persons.gender_scores.clamp(EPS,
                                                             1 - EPS).logit()
        if 'ages' in persons:
            evidence['age'] = persons.ages
        means = {}
        for id in ids:
            self.counts[id] += 1
        for name, values in evidence.items():
            for id, value in zip(ids, values.tolist()):
                self.sums[id][name] += value
            means[name] = values.new_tensor(
                [self.sums[id][name] / self.counts[id] for id in ids])
        if 'gender' in means:
            persons.gender_scores = means['gender'].sigmoid()
            persons.genders = (means['gender'] > 0).to(torch.long)
        if 'age' in means:
            persons.ages = means['age']
        for id in self.counts.keys() - set(keep):
            del self.counts[id]
            self.sums.pop(id, None)
