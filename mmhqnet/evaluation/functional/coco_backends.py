"""Box, mask and keypoint AP by pycocotools or a faster replacement of it."""
import contextlib
import importlib
import io
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from mmhqnet.errors import InputError
from mmhqnet.structures.person_fields import PersonField

from .greedy_matching import AREA_RANGES, IOU_THRESHOLDS
from .ground_truth import GroundTruth

# name: (module of COCO, module of COCOeval, its name, package to install)
_BACKENDS = {
    'pycocotools':
    ('pycocotools.coco', 'pycocotools.cocoeval', 'COCOeval', 'pycocotools'),
    'faster_coco_eval': ('faster_coco_eval', 'faster_coco_eval',
                         'COCOeval_faster', 'faster-coco-eval'),
    'hotcoco': ('hotcoco', 'hotcoco', 'COCOeval', 'hotcoco>=1.0'),
}
BACKENDS = tuple(_BACKENDS)


class Statistic(NamedTuple):
    """One number that COCO reports: where to find it."""
    name: str
    is_recall: bool
    area: str
    max_dets: int
    iou: Optional[float] = None


_BOX_STATISTICS = (
    Statistic('AP', False, 'all', 100),
    Statistic('AP_50', False, 'all', 100, .5),
    Statistic('AP_75', False, 'all', 100, .75),
    Statistic('AP_S', False, 'small', 100),
    Statistic('AP_M', False, 'medium', 100),
    Statistic('AP_L', False, 'large', 100),
    Statistic('AR_1', True, 'all', 1),
    Statistic('AR_10', True, 'all', 10),
    Statistic('AR', True, 'all', 100),
    Statistic('AR_S', True, 'small', 100),
    Statistic('AR_M', True, 'medium', 100),
    Statistic('AR_L', True, 'large', 100),
)
_NO_SMALL_STATISTICS = (
    Statistic('AP_no_small', False, 'no_small', 100),
    Statistic('AP_50_no_small', False, 'no_small', 100, .5),
    Statistic('AP_75_no_small', False, 'no_small', 100, .75),
    Statistic('AR_no_small', True, 'no_small', 100),
)
POSE_AP = Statistic('AP', False, 'all', 20)
_POSE_STATISTICS = (
    POSE_AP,
    Statistic('AP_50', False, 'all', 20, .5),
    Statistic('AP_75', False, 'all', 20, .75),
    Statistic('AP_M', False, 'medium', 20),
    Statistic('AP_L', False, 'large', 20),
    Statistic('AR', True, 'all', 20),
    Statistic('AR_50', True, 'all', 20, .5),
    Statistic('AR_75', True, 'all', 20, .75),
    Statistic('AR_M', True, 'medium', 20),
    Statistic('AR_L', True, 'large', 20),
)


def statistics_of(field: PersonField, exclude_small: bool) -> List[Statistic]:
    """What is reported for a task; ``exclude_small``: also AP without small
    persons.

    Small persons have no keypoints in COCO, so they are out of pose AP
    anyway, and a box at a person has a size of its own.
    """
    if field.iou_type == 'keypoints':
        return list(_POSE_STATISTICS)
    of_persons = exclude_small and field.kind in ('person', 'mask')
    return list(_BOX_STATISTICS) + of_persons * list(_NO_SMALL_STATISTICS)


class CocoBackend:
    """COCO evaluation through one of three libraries with one interface.

    Raises: InputError: An unknown name or a library that is not installed.
    """

    def __init__(self, name: str = 'pycocotools') -> None:
        if name not in _BACKENDS:
            raise InputError(f'backend {name!r} is unknown; choose one of '
                             f'{", ".join(BACKENDS)}')
        coco_module, eval_module, eval_name, package = _BACKENDS[name]
        try:
            self._coco_class = importlib.import_module(coco_module).COCO
            self._eval_class = getattr(
                importlib.import_module(eval_module), eval_name)
        except ImportError as error:
            raise InputError(f"backend {name!r} is not installed; run 'pip "
                             f"install {package}' or leave backend at "
                             "'pycocotools'") from error
        self.name = name

    def _dataset(self, ground_truth: GroundTruth, annotations: List[dict]):
        dataset = dict(
            images=list(ground_truth.images.values()),
            categories=ground_truth.categories,
            annotations=annotations)
        if self.name != 'pycocotools':
            return self._coco_class(dataset)
        coco = self._coco_class()
        coco.dataset = dataset
        coco.createIndex()
        return coco

    def evaluate(self,
                 ground_truth: GroundTruth,
                 results: List[dict],
                 metric: str,
                 statistics: Sequence[Statistic],
                 image_ids: Optional[Sequence] = None) -> Dict[str, float]:
        """Evaluate one task.

        Args:
            metric: Its row of the ground truth's table.
            image_ids: Images to look at. Defaults to all.

        Returns: Value of each statistic; -1 where there is no ground truth.
        Raises: InputError: Ids are strings, which only pycocotools takes.
        """
        names = [i for i in ground_truth.images if isinstance(i, str)]
        if names and self.name != 'pycocotools':
            raise InputError(f'{ground_truth.source}: image {names[0]!r}: '
                             f'backend {self.name!r} needs whole numbers as '
                             "ids; leave backend at 'pycocotools'")
        if image_ids is None:
            image_ids = ground_truth.images
        if not len(image_ids):  # would mean all of them below
            return {statistic.name: -1. for statistic in statistics}
        field = ground_truth.fields[metric]
        iou_type = field.iou_type
        areas = list(dict.fromkeys(stat.area for stat in statistics))
        max_dets = sorted({stat.max_dets for stat in statistics})
        with contextlib.redirect_stdout(io.StringIO()):
            coco_gt = self._dataset(ground_truth,
                                    ground_truth.coco_annotations(metric))
            if results:
                if self.name != 'hotcoco':  # the others write into them
                    results = [dict(result) for result in results]
                coco_dt = coco_gt.loadRes(results)
            else:  # loadRes takes no empty list
                coco_dt = self._dataset(ground_truth, [])
            evaluator = self._eval_class(coco_gt, coco_dt, iou_type)
            params = evaluator.params
            params.catIds = ground_truth.cat_ids
            params.imgIds = list(image_ids)
            params.areaRng = [list(AREA_RANGES[area]) for area in areas]
            params.areaRngLbl = areas
            params.maxDets = max_dets
            if iou_type == 'keypoints' and field.sigmas:
                params.kpt_oks_sigmas = np.asarray(field.sigmas, float)
            evaluator.evaluate()
            evaluator.accumulate()
        precision = np.asarray(evaluator.eval['precision'])
        recall = np.asarray(evaluator.eval['recall'])

        # precision: (thresholds, recalls, categories, areas, max_dets);
        # recall: the same without recalls
        values = {}
        for stat in statistics:
            table = recall if stat.is_recall else precision
            if stat.iou is not None:
                table = table[[np.searchsorted(IOU_THRESHOLDS, stat.iou)]]
            table = table[...,
                          areas.index(stat.area),
                          max_dets.index(stat.max_dets)]
            table = table[table > -1]
            values[stat.name] = float(table.mean()) if table.size else -1.
        return values
