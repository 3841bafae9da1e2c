"""B5: evaluation with a fast backend, and run-length codes in one call."""
from typing import List, Tuple

import cv2
import numpy as np
import torch
from mmdet.structures.mask import encode_mask_results
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.evaluation.functional.ground_truth import GroundTruth
from mmhqnet.evaluation.functional.human_evaluation import HumanEvaluator
from mmhqnet.evaluation.functional.predictions import HumanPredictions
from mmhqnet.structures.run_length_masks import encode_masks

from .measure import Options, interleave
from .people import make_persons
from .report import Check, Row

SIZE = (480, 640)
FAST_BACKENDS = ('hotcoco', 'faster_coco_eval')


def row_b5(options: Options) -> Row:
    """All five tasks of a made-up validation set.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Fast backends against pycocotools, and the encoding of masks.
    """
    evaluators = {'pycocotools': HumanEvaluator(backend='pycocotools')}
    for name in FAST_BACKENDS:
        try:
            evaluators[name] = HumanEvaluator(backend=name)
        except InputError:
            continue  # not installed
    if len(evaluators) == 1:
        raise InputError(f'row B5 needs one of {", ".join(FAST_BACKENDS)}; '
                         "run 'pip install hotcoco'")
    num_images, num_detections = options.pick((5000, 100), (10, 5))
    ground_truth, predictions = make_data_set(num_images, num_detections)
    values = {}

    def evaluation(name):

        def run():
            values[name] = evaluators[name].evaluate(ground_truth, predictions)

        return run

    # Each run of pycocotools takes minutes and needs no warm-up.
    times = interleave({name: evaluation(name)
                        for name in evaluators},
                       options,
                       repeats=min(options.repeats, 2),
                       warm_up=False)
    checks = []
    best = min(list(evaluators)[1:], key=lambda name: times[name].wall)
    for name in list(evaluators)[1:]:
        checks.append(
            Check.of_times(
                f'pycocotools / {name}, five tasks, {num_images} images with '
                f'{num_detections} detections',
                times['pycocotools'],
                times[name],
                limit=f'{num_images * num_detections:,} results per task '
                'pass through Python',
                at_least=8. if name == best else None))
        checks.append(
            Check(
                f'largest difference of {name}',
                max(
                    abs(values[name][key] - value)
                    for key, value in values['pycocotools'].items()),
                limit='0',
                at_most=0.))
    return Row(checks + [_encoding_check(options)])


def _encoding_check(options: Options) -> Check:
    """Run-length codes of an image's masks: one call against one per mask."""
    number, size = options.pick((100, SIZE), (5, (48, 64)))
    masks = np.zeros((number, *size), np.uint8)
    for mask, person in zip(masks, make_persons(number, size)):
        polygon = np.reshape(person['segmentation'][0], (-1, 2))
        cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
    masks = torch.from_numpy(masks.astype(bool)).to(options.device)

    def one_by_one():
        return encode_mask_results(masks.cpu().numpy())

    def at_once():
        return encode_masks(masks)

    if one_by_one() != at_once():
        raise RuntimeError('the two ways to encode masks do not agree')
    times = interleave(dict(theirs=one_by_one, ours=at_once), options)
    return Check.of_times(
        f'RLE of {number} masks, {size[0]}x{size[1]}: mmdet / ours',
        times['theirs'],
        times['ours'],
        limit=f'{masks.numel() / 1e6:.1f} MB of masks',
        at_least=1.5)


def make_data_set(num_images: int,
                  num_detections: int) -> Tuple[GroundTruth, HumanPredictions]:
    """Ground truth and predictions that partly fit.

    Args:
        num_images (int): Number of images.
        num_detections (int): Predictions for each of them.

    Returns:
        tuple[GroundTruth, HumanPredictions]: 2.2 persons per image in the
        mean, as in COCO's validation set.
    """
    rng = np.random.default_rng(0)
    # Persons are drawn once; images share them.
    pool = make_persons(min(2000, 20 * num_images), SIZE)
    codes = [
        mask_utils.merge(
            mask_utils.frPyObjects(person['segmentation'], *SIZE))
        for person in pool
    ]
    columns = _columns(pool)
    images, annotations, predictions = [], [], []
    for image_id in range(1, num_images + 1):
        images.append(dict(id=image_id, height=SIZE[0], width=SIZE[1]))
        chosen = rng.integers(len(pool), size=num_detections)
        persons = chosen[:min(1 + rng.poisson(1.2), num_detections)]
        for index in persons:
            annotations.append(
                dict(pool[index], id=len(annotations) + 1, image_id=image_id))
        predictions.append(
            _predict(image_id, chosen, len(persons), columns, codes, rng))
    dataset = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='person')])
    return GroundTruth(dataset), HumanPredictions(predictions, [1])


def _columns(persons: List[dict]) -> dict:
    boxes = np.array([person['bbox'] for person in persons])
    boxes[:, 2:] += boxes[:, :2]
    keypoints = np.array([person['keypoints'] for person in persons])
    return dict(
        bboxes=boxes,
        keypoints=keypoints.reshape(len(persons), -1, 3)[..., :2],
        genders=np.array([person['gender'] for person in persons]),
        ages=np.array([person['age'] for person in persons], float))


def _predict(image_id: int, chosen: np.ndarray, num_true: int, columns: dict,
             codes: list, rng: np.random.Generator) -> dict:
    """A record of the metric: true persons blurred, and wrong ones."""
    number = len(chosen)
    scores = rng.uniform(0, .7, number)
    scores[:num_true] += .3
    boxes = columns['bboxes'][chosen]
    keypoints = columns['keypoints'][chosen]
    return dict(
        img_id=image_id,
        bboxes=boxes + rng.normal(0, 4, boxes.shape),
        scores=scores,
        labels=np.zeros(number, int),
        masks=[codes[index] for index in chosen],
        mask_scores=scores * rng.uniform(.7, 1, number),
        keypoints=keypoints + rng.normal(0, 4, keypoints.shape),
        keypoint_scores=rng.uniform(size=keypoints.shape[:2]),
        genders=columns['genders'][chosen],
        gender_scores=rng.uniform(size=number),
        ages=columns['ages'][chosen] + rng.normal(0, 8, number))
