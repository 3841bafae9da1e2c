"""AP of gender and age: a person counts if box *and* attribute are right."""
from typing import Callable, Dict, NamedTuple, Optional, Sequence

import numpy as np
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError

from .annotation_checks import (Entry, check_area, check_attribute, check_box,
                                check_crowd, check_flag, check_image_id,
                                field_error, is_number)
from .greedy_matching import (AREA_RANGES, IOU_THRESHOLDS, CandidatePairs,
                              average_precision, match_detections)
from .tasks import ATTRIBUTES, PROTOCOLS, check_names

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
        """Select and reorder.

        Args:
            index (np.ndarray): Integers or a mask.

        Returns:
            Persons: The selected ones.
        """
        return Persons(*(None if column is None else column[index]
                         for column in self))


def detected_persons(image_ids: Sequence, bboxes: np.ndarray,
                     attribute: Sequence[float],
                     scores: Sequence[float]) -> Persons:
    """Detections in columns; their areas are those of the boxes.

    Args:
        image_ids (Sequence): Image of each detection, n of them.
        bboxes (np.ndarray): Boxes as x, y, w, h, shape (n, 4).
        attribute (Sequence[float]): Genders or ages, n of them.
        scores (Sequence[float]): Scores, n of them.

    Returns:
        Persons: The detections.
    """
    bboxes = np.asarray(bboxes, float).reshape(-1, 4)
    return Persons(
        image_ids=np.asarray(image_ids),
        bboxes=bboxes,
        attribute=np.asarray(attribute, float),
        areas=bboxes[:, 2] * bboxes[:, 3],
        scores=np.asarray(scores, float))


def result_persons(results: Sequence[dict], attribute: str,
                   source: str) -> Persons:
    """COCO results in columns.

    Args:
        results (Sequence[dict]): ``image_id``, ``bbox``, ``score`` and
            ``gender`` or ``age`` of each person.
        attribute (str): 'gender' or 'age'.
        source (str): What to call the results in error messages.

    Returns:
        Persons: The detections.

    Raises:
        InputError: A field is missing or malformed.
    """
    entries = [Entry(source, 'result', i) for i in range(len(results))]
    for result, entry in zip(results, entries):
        for key in ('score', attribute):
            if not is_number(result.get(key)):
                raise field_error(
                    entry, key, f'must be a number, got {result.get(key)!r}')
    return detected_persons(
        image_ids=_checked(check_image_id, results, entries),
        bboxes=_checked(check_box, results, entries),
        attribute=[result[attribute] for result in results],
        scores=[result['score'] for result in results])


def _labelled_persons(gts: Sequence[dict], attribute: str,
                      source: str) -> Persons:
    entries = [
        Entry(source, 'annotation', ann.get('id', index))
        for index, ann in enumerate(gts)
    ]
    labels = [
        check_attribute(ann, attribute, entry) if check_flag(
            ann, attribute, entry) else None
        for ann, entry in zip(gts, entries)
    ]
    boxes = _checked(check_box, gts, entries)
    return Persons(
        image_ids=np.array(_checked(check_image_id, gts, entries)),
        bboxes=np.array(boxes, float).reshape(-1, 4),
        attribute=np.array(labels, float),
        areas=np.array(_checked(check_area, gts, entries), float),
        crowd=np.array(_checked(check_crowd, gts, entries), bool))


def _checked(check: Callable, persons: Sequence[dict],
             entries: Sequence[Entry]) -> list:
    return [check(person, entry) for person, entry in zip(persons, entries)]


def attribute_ap(gts: Sequence[dict],
                 preds: Sequence[dict],
                 attribute: str,
                 protocol: str = 'official',
                 age_error: float = 10) -> Dict[str, float]:
    """AP of persons whose gender or age is recognised.

    A detection is a true positive if its box matches a person (COCO's greedy
    matching, IoU .50:.05:.95) and the attribute is right: the same gender, or
    an age that is off by *less than* ``age_error`` years. A detection with a
    wrong attribute is a false positive and leaves the person to detections of
    lower scores; it is not given a second-best person.

    What the protocols do with persons whose attribute is not labelled:

    * ``official`` removes them, as the evaluation of the released code does,
      so a detection of such a person is a **false positive** and even a
      perfect model stays below 1. The numbers of the paper are of this kind.
    * ``ignore_unlabelled`` ignores them, and the detections matched to them,
      as COCO does with persons outside of an area range.

    Both look only at images with at least one person whose attribute is
    labelled (HQNet, arXiv 2312.05525, sec. 5; spec 5.4).

    Args:
        gts (Sequence[dict]): COCO annotations of persons: ``image_id``,
            ``bbox`` (x, y, w, h), ``area`` (default: of the box), ``iscrowd``
            (default: 0), and ``gender`` (0 male, 1 female) or ``age`` (years).
            The attribute is not labelled if it is missing, None, -1, or if
            its flag in ``valid`` is 0.
        preds (Sequence[dict]): COCO results: ``image_id``, ``bbox``, ``score``
            and ``gender`` or ``age``. Their areas are those of the boxes.
        attribute (str): 'gender' or 'age'.
        protocol (str): 'official' or 'ignore_unlabelled'.
        age_error (float): Ages count as right below this error in years: n of
            "Age-n AP". Defaults to 10.

    Returns:
        dict[str, float]: ``AP`` (mean over IoUs, 100 detections per image),
        ``AP_50``, ``AP_75``, ``AP_S``, ``AP_M``, ``AP_L`` (persons below
        32^2, below 96^2 and above 96^2 pixels) and ``AP_no_small`` (all but
        those below 32^2). -1 where no person falls into the range.

    Raises:
        InputError: An unknown name or a malformed entry.
    """
    check_names(attribute, ATTRIBUTES, 'attribute')
    for persons, name in ((gts, 'ground truth'), (preds, 'predictions')):
        if not all(isinstance(person, dict) for person in persons):
            raise InputError(f'{name}: must be a list of dictionaries')
    return columns_attribute_ap(
        _labelled_persons(gts, attribute, 'ground truth'),
        result_persons(preds, attribute, 'predictions'), attribute, protocol,
        age_error)


def _candidate_pairs(gts: Persons, dets: Persons, gt_image: np.ndarray,
                     det_image: np.ndarray,
                     tolerance: float) -> CandidatePairs:
    """Pairs of one image with an IoU of at least the lowest threshold.

    ``gt_image`` and ``det_image`` are sorted image indices.
    """
    num_images = max(gt_image.max(initial=-1), det_image.max(initial=-1)) + 1
    edges = np.arange(num_images + 1)
    gt_edges = np.searchsorted(gt_image, edges)
    det_edges = np.searchsorted(det_image, edges)
    det_index, gt_index, ious = [], [], []
    for image in np.unique(det_image):
        g, d = gt_edges[image], det_edges[image]
        g_end, d_end = gt_edges[image + 1], det_edges[image + 1]
        iou = mask_utils.iou(dets.bboxes[d:d_end], gts.bboxes[g:g_end],
                             gts.crowd[g:g_end])
        rows, columns = np.nonzero(iou >= IOU_THRESHOLDS[0])
        det_index.append(rows + d)
        gt_index.append(columns + g)
        ious.append(iou[rows, columns])
    det = np.concatenate(det_index) if det_index else np.zeros(0, int)
    gt = np.concatenate(gt_index) if gt_index else np.zeros(0, int)
    iou = np.concatenate(ious) if ious else np.zeros(0)
    error = np.abs(dets.attribute[det] - gts.attribute[gt])
    correct = (error < tolerance) | np.isnan(gts.attribute[gt])
    return CandidatePairs(det, gt, iou, correct)


def columns_attribute_ap(gts: Persons,
                         dets: Persons,
                         attribute: str,
                         protocol: str = 'official',
                         age_error: float = 10) -> Dict[str, float]:
    """:func:`attribute_ap` of persons in columns.

    Args:
        gts (Persons): Ground truths, with ``crowd``.
        dets (Persons): Detections, with ``scores``.
        attribute (str): 'gender' or 'age'.
        protocol (str): 'official' or 'ignore_unlabelled'.
        age_error (float): Ages count as right below this error in years.

    Returns:
        dict[str, float]: As :func:`attribute_ap`.
    """
    check_names(attribute, ATTRIBUTES, 'attribute')
    check_names(protocol, PROTOCOLS, 'protocol')
    labelled = ~np.isnan(gts.attribute)
    images = np.unique(gts.image_ids[labelled])
    if protocol == 'official':
        gts = gts.take(labelled)
    gts = gts.take(np.isin(gts.image_ids, images))
    dets = dets.take(np.isin(dets.image_ids, images))

    gt_image = np.searchsorted(images, gts.image_ids)
    det_image = np.searchsorted(images, dets.image_ids)
    order = np.argsort(gt_image, kind='stable')
    gts, gt_image = gts.take(order), gt_image[order]
    order = np.lexsort((-dets.scores, det_image))
    dets, det_image = dets.take(order), det_image[order]
    rank = np.arange(len(det_image)) - np.searchsorted(det_image, det_image)
    within = rank < MAX_DETS_BY_AREA
    dets, det_image, rank = dets.take(within), det_image[within], rank[within]

    ranges = np.array(list(AREA_RANGES.values()))[:, :, None]
    gt_ignored = (
        gts.crowd | np.isnan(gts.attribute)
        | (gts.areas < ranges[:, 0]) | (gts.areas > ranges[:, 1]))
    det_outside = (dets.areas < ranges[:, 0]) | (dets.areas > ranges[:, 1])
    # Genders are equal if they differ by less than a half.
    pairs = _candidate_pairs(gts, dets, gt_image, det_image,
                             age_error if attribute == 'age' else .5)
    matching = match_detections(pairs, det_image, det_outside, gt_ignored,
                                gts.crowd)
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
