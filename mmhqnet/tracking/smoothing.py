"""Attributes of a person, averaged over the frames of its track."""
from collections import defaultdict
from typing import Dict, Iterable, List, Mapping

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmhqnet.structures.person_fields import FIELDS, PersonField

EPS = 1e-4  # no frame may decide alone


class RunningMeans:
    """Means of the attributes of each track over its frames so far.

    Numbers are averaged. The gender's probability of female is averaged as
    log-odds; of other categories the class with the most votes wins, each
    frame voting with its score.

    Args:
        table: Rows of the table of person fields.
    """

    def __init__(self, table: Mapping[str, PersonField] = FIELDS) -> None:
        self.attributes = [
            field for field in table.values()
            if field.kind in ('category', 'number')
        ]
        self.sums: Dict[int, Dict[str, Tensor]] = defaultdict(dict)
        self.counts: Dict[int, int] = defaultdict(int)

    def update(self, persons: InstanceData, ids: List[int],
               keep: Iterable[int]) -> None:
        """Add a frame, and replace its attributes by those of the tracks.

        Args:
            persons: n persons; the columns of attributes that are there are
                replaced.
            ids: Their tracks.
            keep: Tracks that may still come; others are forgotten.
        """
        for id in ids:
            self.counts[id] += 1
        for field in self.attributes:
            if field.column not in persons:
                continue
            if field.kind == 'number':
                means = self._mean(field, persons[field.column], ids)
                persons.set_field(means, field.column)
            elif field.name == 'gender':
                scores = persons[field.score_column].clamp(EPS, 1 - EPS)
                odds = self._mean(field, scores.logit(), ids)
                persons.set_field((odds > 0).long(), field.column)
                persons.set_field(odds.sigmoid(), field.score_column)
            else:
                votes = torch.nn.functional.one_hot(
                    persons[field.column], len(field.classes))
                votes = votes * persons[field.score_column][:, None]
                best = self._mean(field, votes, ids).max(-1)
                persons.set_field(best.indices, field.column)
                persons.set_field(best.values, field.score_column)
        for id in self.counts.keys() - set(keep):
            del self.counts[id]
            self.sums.pop(id, None)

    def _mean(self, field: PersonField, values: Tensor,
              ids: List[int]) -> Tensor:
        """Means of the tracks after adding a value (n, ...) of each."""
        means = torch.empty_like(values)
        for row, (id, value) in enumerate(zip(ids, values)):
            total = self.sums[id].get(field.name, 0) + value
            self.sums[id][field.name] = total
            means[row] = total / self.counts[id]
        return means
