"""Losses of poses: hand-computed, and weighted by what is labelled."""
import math

import torch
from mmdet.models.losses import L1Loss

from mmhqnet.models.losses import OKSLoss, PoseTargets, pose_losses


def test_by_hand():
    """Two persons with two keypoints, of which three are labelled."""
    pred = torch.tensor([[[[0.5, 0.5], [0.2, 0.2]], [[0.1, 0.9],
                                                     [0.9, 0.9]]]]).double()
    sizes = torch.tensor([100., 200.]).expand(1, 2, 2).double()
    targets = PoseTargets(
        keypoints=torch.tensor([[[[50., 110.], [20., 40.]],
                                 [[10., 180.], [0., 0.]]]]).double(),
        labelled=torch.tensor([[[1., 1.], [1., 0.]]]).double(),
        visible=torch.tensor([[[1., 0.], [1., 0.]]]).double(),
        areas=torch.tensor([[100., 100.]]).double(),
        sizes=sizes,
        bboxes=torch.zeros(1, 2, 4).double())
    loss_kpt, loss_oks = pose_losses(pred, targets, L1Loss(loss_weight=3.),
                                     OKSLoss(sigmas=[0.5, 0.5]))
    # 10 of 200 pixels away; the mean is over 3 keypoints' 6 coordinates.
    torch.testing.assert_close(loss_kpt, torch.tensor([3 * 0.05 / 6]).double())
    oks = (1 + math.exp(-10**2 / (2 * 100))) / 2
    torch.testing.assert_close(loss_oks,
                               torch.tensor([-math.log(oks) / 2]).double())
