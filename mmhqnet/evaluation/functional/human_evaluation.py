"""One evaluation of all tasks: every row of the table of person fields."""
from collections import defaultdict
from typing import Dict, Sequence, Union

import numpy as np
from terminaltables import AsciiTable

from mmhqnet.collector import resting_collector
from mmhqnet.errors import InputError
from mmhqnet.structures.label_rules import is_number
from mmhqnet.structures.person_fields import STANDARD

from .attributes import attribute_ap_of_persons
from .coco_backends import POSE_AP, CocoBackend, statistics_of
from .ground_truth import GroundTruth
from .tasks import PROTOCOLS, attributes_of, check_names, metrics_of


class HumanEvaluator:
    """AP of all tasks against one ground truth.

    Args:
        metrics: Rows of the table of person fields.
        protocols: 'official', 'ignore_unlabelled' or both; see
            :func:`mmhqnet.evaluation.attribute_ap`.
        age_errors: n of Age-n AP. Defaults to the error of the row, 10.
        exclude_small: Also AP without small persons, as in the paper's
            tables: persons below 32^2 pixels and unmatched detections of that
            size are ignored.
        backend: 'pycocotools', 'faster_coco_eval' or 'hotcoco'.
        crowding_bounds: Where medium and where hard images begin, if the
            images have CrowdPose's ``crowdIndex``. Defaults to (0.1, 0.8) as
            in its paper; its evaluation code has (0.2, 0.8).

    Raises:
        InputError: An unknown name, a number that makes no sense, or a
            backend that is not installed.
    """

    def __init__(
        self,
        metrics: Union[str, Sequence[str]] = STANDARD,
        protocols: Union[str, Sequence[str]] = 'official',
        age_errors: Union[None, float, Sequence[float]] = None,
        exclude_small: bool = True,
        backend: str = 'pycocotools',
        crowding_bounds: Sequence[float] = (.1, .8)
    ) -> None:
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        self.protocols = check_names(protocols, PROTOCOLS, 'protocol')
        self.age_errors = age_errors
        if age_errors is not None:
            self.age_errors = np.atleast_1d(age_errors).tolist()
            if not all(is_number(n) and n > 0 for n in self.age_errors):
                raise InputError('age errors must be numbers of years above '
                                 f'0, got {age_errors!r}')
        self.exclude_small = exclude_small
        self.backend = CocoBackend(backend)
        self.crowding_bounds = tuple(crowding_bounds)
        if not (len(self.crowding_bounds) == 2
                and all(map(is_number, self.crowding_bounds))
                and self.crowding_bounds[0] < self.crowding_bounds[1]):
            raise InputError('crowding bounds must be two rising numbers, got '
                             f'{crowding_bounds!r}')

    @resting_collector()
    def evaluate(self, ground_truth: GroundTruth,
                 predictions) -> Dict[str, float]:
        """Evaluate :class:`HumanPredictions` or :class:`ResultFiles`.

        Returns:
            Full-precision values such as ``box_AP``, ``box_AP_50``,
            ``box_AP_no_small``, ``gender_AP``,
            ``gender_ignore_unlabelled_AP``, ``age_AP`` (n = 10) and
            ``age5_AP`` (n = 5). -1 where no labelled person falls into an
            area range, 0 everywhere if there are no predictions at all.

        Raises:
            InputError: There are predictions for an unknown image, masks of
                another size than their image, or only results of other
                categories.
        """
        check_names(self.metrics, metrics_of(ground_truth.fields), 'metric')
        for image_id in predictions.image_ids:
            ground_truth.check_prediction(image_id)
        values = {}
        for metric in self.metrics:
            evaluate = self._coco_values
            if metric in attributes_of(ground_truth.fields):
                evaluate = self._attribute_values
            values.update(evaluate(metric, ground_truth, predictions))
        if not predictions.image_ids:
            return dict.fromkeys(values, 0.)
        return values

    def _coco_values(self, metric: str, ground_truth: GroundTruth,
                     predictions) -> Dict[str, float]:
        field = ground_truth.fields[metric]
        statistics = statistics_of(field, self.exclude_small)
        max_dets = max(statistic.max_dets for statistic in statistics)
        results = predictions.results(field.result_kind, max_dets)
        if metric == 'mask':
            for image_id, *size in {(result['image_id'],
                                     *result['segmentation']['size'])
                                    for result in results}:
                ground_truth.check_prediction(image_id, size)
        if results and not any(result['category_id'] in ground_truth.cat_ids
                               for result in results):
            raise InputError(
                f'{ground_truth.source}: category '
                f'{ground_truth.categories[0]["name"]!r} has the id '
                f'{ground_truth.cat_ids[0]}, but the {field.result_kind} '
                f'results are all of others, such as '
                f'{results[0]["category_id"]}')
        found = self.backend.evaluate(ground_truth, results, metric,
                                      statistics)
        if metric == 'pose':
            for level, images in self._crowding_levels(ground_truth).items():
                part = self.backend.evaluate(ground_truth, results, metric,
                                             [POSE_AP], images)
                found[f'AP_{level}'] = part['AP']
        return {f'{metric}_{name}': found[name] for name in found}

    def _crowding_levels(self, ground_truth: GroundTruth) -> Dict[str, list]:
        """Images by how crowded they are; nothing if the file does not say."""
        crowding = ground_truth.crowding()
        if not crowding:
            return {}
        bounds = (-np.inf, *self.crowding_bounds, np.inf)
        return {
            level:
            [image for image in crowding if low <= crowding[image] < up]
            for level, low, up in zip(('easy', 'medium',
                                       'hard'), bounds, bounds[1:])
        }

    def _attribute_values(self, metric: str, ground_truth: GroundTruth,
                          predictions) -> Dict[str, float]:
        field = ground_truth.fields[metric]
        gts = ground_truth.persons(metric)
        dets = predictions.persons(metric)
        usual = getattr(field, 'error', None)
        errors = [usual]
        if metric == 'age' and self.age_errors is not None:
            errors = self.age_errors
        values = {}
        for protocol in self.protocols:
            for error in errors:
                task = metric if error == usual else f'{metric}{error:g}'
                if protocol != 'official':
                    task = f'{task}_{protocol}'
                found = attribute_ap_of_persons(gts, dets, field, protocol,
                                                error)
                if not self.exclude_small:
                    found.pop('AP_no_small')
                values.update(
                    {f'{task}_{name}': found[name]
                     for name in found})
        return values


def results_table(values: Dict[str, float]) -> str:
    """Draw results, such as ``box_AP_50``, as a table, one row per task.

    There is a dash where there is nothing to evaluate.
    """
    rows = defaultdict(dict)
    for key, value in values.items():
        task, _, statistic = key.rpartition('_A')
        rows[task][f'A{statistic}'] = '-' if value < 0 else f'{value:.4f}'
    columns = [
        name
        for name in ('AP', 'AP_50', 'AP_75', 'AP_S', 'AP_M', 'AP_L',
                     'AP_no_small', 'AP_easy', 'AP_medium', 'AP_hard', 'AR')
        if any(name in row for row in rows.values())
    ]
    return AsciiTable([['task', *columns]] +
                      [[task, *(row.get(name, '') for name in columns)]
                       for task, row in rows.items()]).table
