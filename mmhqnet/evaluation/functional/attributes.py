"""AP of attributes: a person counts if box *and* attribute are right."""
from typing import Dict, NamedTuple, Optional, Sequence, Union

import numpy as np
from pycocotools import mask as mask_utils

from mmhqnet.datasets.annotations.rules import person_problems, result_problems
from mmhqnet.errors import InputError
from mmhqnet.structures.label_rules import is_flagged_valid
from mmhqnet.structures.person_fields import FIELDS, PersonField

from .greedy_matching import (AREA_RANGES, IOU_THRESHOLDS, CandidatePairs,
                              average_precision, match_detections)
from .tasks import PROTOCOLS, attributes_of, check_names

# The released evaluator averages AP over the 100 best detections of an image
# and everything else over 1000.
MAX_DETS, MAX_DETS_BY_AREA = 100, 1000


class Persons(NamedTuple):
    """Ground truths or detections in columns (n of them)."""
    image_ids: np.ndarray  # (n,)
    bboxes: np.ndarray  # (n, 4) float, x y w h
    attribute: np.ndarray  # (n,) float, NaN: not labelled
    areas: np.ndarray  # (n,) float
    crowd: Optional[np.ndarray] = None  # (n,) bool, ground truths only
    scores: Optional[np.ndarray] = None  # (n,) float, detections only

    def take(self, index: np.ndarray) -> 'Persons':
        """Select and reorder, by integers or a mask."""
        return Persons(*(None if column is None else column[index]
                         for column in self))


def detected_persons(image_ids: Sequence, bboxes: np.ndarray,
                     attribute: Sequence[float],
                     scores: Sequence[float]) -> Persons:
    """Detections in columns; boxes (n, 4) x, y, w, h give the areas."""
    bboxes = np.asarray(bboxes, float).reshape(-1, 4)
    return Persons(
        image_ids=np.asarray(image_ids),
        bboxes=bboxes,
        attribute=np.asarray(attribute, float),
        areas=bboxes[:, 2] * bboxes[:, 3],
        scores=np.asarray(scores, float))


def result_persons(results: Sequence[dict], field: PersonField,
                   source: str) -> Persons:
    """COCO results in columns.

    Args:
        results: ``image_id``, ``bbox``, ``score`` and the attribute's key.
        source: What to call the results in error messages.

    Raises: InputError: A key is missing or malformed.
    """
    for index, result in enumerate(results):
        for problem in result_problems(result, index, [field], ['score']):
            raise InputError(f'{source}: {problem}')
    return detected_persons(
        image_ids=[result['image_id'] for result in results],
        bboxes=[result['bbox'] for result in results],
        attribute=[field.number(result[field.key]) for result in results],
        scores=[result['score'] for result in results])


def _labelled_persons(gts: Sequence[dict], field: PersonField,
                      source: str) -> Persons:
    table = dict(box=FIELDS['box'], area=FIELDS['area'])
    table[field.name] = field
    persons = []
    for index, ann in enumerate(gts):
        ann = dict(ann, id=ann.get('id', index))
        for problem in person_problems(ann, None, table, needed=('box', )):
            raise InputError(f'{source}: {problem}')
        for problem in result_problems(ann, index, [], []):  # image_id
            raise InputError(f'{source}: annotation {ann["id"]}: '
                             f"'{problem.field}' {problem.rule}")
        if is_flagged_valid(ann, 'bboxes'):
            persons.append(ann)
    boxes = np.array([ann['bbox'] for ann in persons], float).reshape(-1, 4)
    areas = [ann.get('area') for ann in persons]
    return Persons(
        image_ids=np.array([ann['image_id'] for ann in persons]),
        bboxes=boxes,
        attribute=np.array([field.judge(ann) for ann in persons], float),
        areas=np.where([area is None for area in areas],
                       boxes[:, 2] * boxes[:, 3], np.array(areas, float)),
        crowd=np.array([ann.get('iscrowd') or 0 for ann in persons], bool))


def attribute_ap(gts: Sequence[dict],
                 preds: Sequence[dict],
                 attribute: Union[str, PersonField],
                 protocol: str = 'official',
                 age_error: Optional[float] = None) -> Dict[str, float]:
    """AP of persons whose gender, age or other attribute is recognised.

    A detection is a true positive if its box matches a person (COCO's greedy
    matching, IoU .50:.05:.95) and the attribute is right: the same class, or
    a number that is off by *less than* the error bound. A detection with a
    wrong attribute is a false positive and leaves the person to detections of
    lower scores; it is not given a second-best person.

    What the protocols do with persons whose attribute is not labelled:

    * ``official`` removes them, as the evaluation of the released code does,
      so a detection of such a person is a **false positive** and even a
      perfect model stays below 1. The numbers of the paper are of this kind.
    * ``ignore_unlabelled`` ignores them, and the detections matched to them,
      as COCO does with persons outside of an area range.

    Both look only at images with at least one person whose attribute is
    labelled (HQNet, arXiv 2312.05525, sec. 5).

    Args:
        gts: COCO annotations of persons: ``image_id``, ``bbox`` (x, y, w, h),
            ``area`` (default: of the box), ``iscrowd`` (default: 0), and the
            key of the attribute, such as ``gender`` (0 male, 1 female) or
            ``age`` (years). It is not labelled if it is missing, None, -1, or
            if its flag in ``valid`` is 0.
        preds: COCO results: ``image_id``, ``bbox``, ``score`` and the key of
            the attribute. Their areas are those of the boxes.
        attribute: Name of a built-in row of the table of person fields, or
            a row.
        protocol: 'official' or 'ignore_unlabelled'.
        age_error: Numbers count as right below this error: n of "Age-n AP".
            Defaults to the row's, for age 10.

    Returns:
        ``AP`` (mean over IoUs, 100 detections per image), ``AP_50``,
        ``AP_75``, ``AP_S``, ``AP_M``, ``AP_L`` (persons below 32^2, below
        96^2 and above 96^2 pixels) and ``AP_no_small`` (all but those below
        32^2). -1 where no person falls into the range.

    Raises: InputError: An unknown name or a malformed entry.
    """
    if not isinstance(attribute, PersonField):
        name, = check_names(attribute, attributes_of(FIELDS), 'attribute')
        attribute = FIELDS[name]
    for persons, name in ((gts, 'ground truth'), (preds, 'predictions')):
        if not all(isinstance(person, dict) for person in persons):
            raise InputError(f'{name}: must be a list of dictionaries')
    return attribute_ap_of_persons(
        _labelled_persons(gts, attribute, 'ground truth'),
        result_persons(preds, attribute, 'predictions'), attribute, protocol,
        age_error)


def _candidate_pairs(gts: Persons, dets: Persons, gt_image: np.ndarray,
                     det_image: np.ndarray, field: PersonField,
                     error: Optional[float]) -> CandidatePairs:
    """Pairs of one image with an IoU of at least the lowest threshold.

    ``gt_image`` (g,) and ``det_image`` (d,) are sorted image indices.
    """
    num_images = max(gt_image.max(initial=-1), det_image.max(initial=-1)) + 1
    # An image's persons are gts[gt_edges[image]:gt_edges[image + 1]].
    edges = np.arange(num_images + 1)
    gt_edges = np.searchsorted(gt_image, edges)
    det_edges = np.searchsorted(det_image, edges)
    det_index, gt_index, ious = [], [], []
    for image in np.unique(det_image):
        g, d = gt_edges[image], det_edges[image]
        g_end, d_end = gt_edges[image + 1], det_edges[image + 1]
        iou = mask_utils.iou(dets.bboxes[d:d_end], gts.bboxes[g:g_end],
                             gts.crowd[g:g_end])  # (detections, persons)
        rows, columns = np.nonzero(iou >= IOU_THRESHOLDS[0])
        det_index.append(rows + d)
        gt_index.append(columns + g)
        ious.append(iou[rows, columns])
    # From here on p pairs: (p,) each.
    det = np.concatenate(det_index) if det_index else np.zeros(0, int)
    gt = np.concatenate(gt_index) if gt_index else np.zeros(0, int)
    iou = np.concatenate(ious) if ious else np.zeros(0)
    right = field.is_right(dets.attribute[det], gts.attribute[gt], error)
    # Whoever is not labelled is ignored, so nothing about it can be wrong.
    return CandidatePairs(det, gt, iou, right | np.isnan(gts.attribute[gt]))


def attribute_ap_of_persons(gts: Persons,
                            dets: Persons,
                            field: PersonField,
                            protocol: str = 'official',
                            error: Optional[float] = None) -> Dict[str, float]:
    """:func:`attribute_ap` of persons in columns, g of them and d found."""
    check_names(protocol, PROTOCOLS, 'protocol')
    if error is None:
        error = getattr(field, 'error', None)
    # Only images with somebody labelled; officially, only the labelled.
    labelled = ~np.isnan(gts.attribute)
    images = np.unique(gts.image_ids[labelled])
    if protocol == 'official':
        gts = gts.take(labelled)
    gts = gts.take(np.isin(gts.image_ids, images))
    dets = dets.take(np.isin(dets.image_ids, images))

    # Sort by image; within one, detections by falling score. gt_image (g,)
    # and det_image (d,) are indices into images, rank (d,) counts per image.
    gt_image = np.searchsorted(images, gts.image_ids)
    det_image = np.searchsorted(images, dets.image_ids)
    order = np.argsort(gt_image, kind='stable')
    gts, gt_image = gts.take(order), gt_image[order]
    order = np.lexsort((-dets.scores, det_image))
    dets, det_image = dets.take(order), det_image[order]
    rank = np.arange(len(det_image)) - np.searchsorted(det_image, det_image)
    within = rank < MAX_DETS_BY_AREA
    dets, det_image, rank = dets.take(within), det_image[within], rank[within]

    # Who does not count in which area range: (ranges, g) and (ranges, d).
    ranges = np.array(list(AREA_RANGES.values()))[:, :, None]
    gt_ignored = (
        gts.crowd | np.isnan(gts.attribute)
        | (gts.areas < ranges[:, 0]) | (gts.areas > ranges[:, 1]))
    det_outside = (dets.areas < ranges[:, 0]) | (dets.areas > ranges[:, 1])
    pairs = _candidate_pairs(gts, dets, gt_image, det_image, field, error)
    matching = match_detections(pairs, det_image, det_outside, gt_ignored,
                                gts.crowd)
    # Precision (ranges, thresholds, recalls), of 1000 detections and of 100.
    num_gts = np.count_nonzero(~gt_ignored, axis=1)
    by_area, _ = average_precision(matching, dets.scores, num_gts)
    best, _ = average_precision(
        matching, dets.scores, num_gts, keep=rank < MAX_DETS)
    row = {name: index for index, name in enumerate(AREA_RANGES)}
    return {
        'AP': float(best[row['all']].mean()),
        'AP_50': float(by_area[row['all'], 0].mean()),
        'AP_75': float(by_area[row['all'], 5].mean()),
        'AP_S': float(by_area[row['small']].mean()),
        'AP_M': float(by_area[row['medium']].mean()),
        'AP_L': float(by_area[row['large']].mean()),
        'AP_no_small': float(best[row['no_small']].mean()),
    }
