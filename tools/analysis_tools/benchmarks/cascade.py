"""One network after the other: find persons, then look at each of them."""
import warnings
from typing import Callable, List

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import nn

from . import peers
from .measure import Options
from .people import make_persons, make_photo
from .prediction import predictor

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
CROP = 224

Predict = Callable[[], None]


def limit_detections(model: nn.Module, number: int) -> None:
    """Let a detector return that many persons.

    Args:
        model (nn.Module): A detector of mmdet or HQNet; changed in place.
        number (int): Persons.
    """
    if hasattr(model, 'roi_head'):
        model.roi_head.test_cfg.max_per_img = number
    else:
        model.bbox_head.test_cfg.max_per_img = number


class Cascade:
    """A detector, then a pose estimator and a classifier for each person.

    The detector finds as many persons as there are, with random weights at
    random places; the crops show the made-up persons instead.

    Args:
        detector (nn.Module): Detector of mmdet.
        options (Options): Size and device.
        pose (tuple): Pose estimator of mmpose and its config.
        classifier (nn.Module, optional): Classifier of crops.
    """

    def __init__(self,
                 detector: nn.Module,
                 options: Options,
                 pose: tuple,
                 classifier: nn.Module = None) -> None:
        self.detector, self.classifier = detector, classifier
        self.device = options.device
        self.pose, config = pose
        with warnings.catch_warnings(), \
                DefaultScope.overwrite_default_scope('mmpose'):
            warnings.simplefilter('ignore')
            self.crop = Compose(config.val_dataloader.dataset.pipeline)

    def predictor(self, number: int, size: tuple, options: Options) -> Predict:
        """A function that predicts for one image.

        Args:
            number (int): Persons in it.
            size (tuple[int, int]): Height and width.
            options (Options): With the device.

        Returns:
            Callable: Without arguments.
        """
        detect = predictor(self.detector, size, options, seed=number)
        photo = make_photo(size)
        boxes = np.array(
            [person['bbox'] for person in make_persons(number, size)])
        boxes[:, 2:] += boxes[:, :2]

        @torch.no_grad()
        def predict():
            limit_detections(self.detector, number)
            found, = detect()
            if len(found.pred_instances) != number:
                raise RuntimeError(f'{len(found.pred_instances)} detections '
                                   f'instead of {number}')
            self.estimate_poses(photo, boxes)
            if self.classifier is not None:
                self.classify(photo, boxes)

        return predict

    def estimate_poses(self, photo: np.ndarray, boxes: np.ndarray) -> List:
        """Poses of all persons in one batch.

        Args:
            photo (np.ndarray): (H, W, 3).
            boxes (np.ndarray): xyxy, (n, 4).

        Returns:
            list: mmpose's samples.
        """
        crops = [
            self.crop(
                dict(
                    img=photo,
                    bbox=box[None].astype(np.float32),
                    bbox_score=np.ones(1, np.float32),
                    **self.pose_meta)) for box in boxes
        ]
        return self.pose.test_step(pseudo_collate(crops))

    #: What mmpose's transforms want to know about the key points.
    pose_meta = dict(flip_indices=[
        0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15
    ])

    def classify(self, photo: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Gender and age of all persons in one batch.

        Args:
            photo (np.ndarray): (H, W, 3).
            boxes (np.ndarray): xyxy, (n, 4).

        Returns:
            np.ndarray: Probability of female and expected age, (n, 2).
        """
        crops = np.stack([
            cv2.resize(photo[y1:y2, x1:x2], (CROP, CROP))
            for x1, y1, x2, y2 in boxes.astype(int)
        ])
        crops = torch.from_numpy((crops - MEAN) / STD).permute(0, 3, 1, 2)
        logits = self.classifier(crops.contiguous().to(self.device))
        ages = logits[:, 1:].softmax(1) @ torch.arange(
            85., device=logits.device)
        return torch.stack([logits[:, 0].sigmoid(), ages], 1).cpu().numpy()


def build_cascades(options: Options) -> dict:
    """The cascades by name.

    Args:
        options (Options): Size and device.

    Returns:
        dict[str, Cascade]: Two on ResNet-50 (without and with masks), and a
        light one that finds boxes and poses only.
    """
    pose = peers.build_pose_estimator(options, peers.POSE_PEER)
    classifier = peers.AttributeClassifier(options)
    # With mmcv's attention DINO alone would take longer than HQNet.
    dino = peers.with_our_attention(peers.build_dino(options))
    return {
        'DINO with our attention + pose + attributes (no masks)':
        Cascade(dino, options, pose, classifier),
        'Mask R-CNN + pose + attributes':
        Cascade(peers.build_rcnn(options), options, pose, classifier),
        'RTMDet-tiny + RTMPose-m (no masks, no attributes)':
        Cascade(
            peers.build_light_detector(options), options,
            peers.build_pose_estimator(options, peers.LIGHT_POSE_PEER)),
    }
