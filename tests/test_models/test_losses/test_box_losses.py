"""Box losses of pairs: hand-computed, and nothing where nobody is."""
import torch
from mmdet.models.losses import GIoULoss, L1Loss

from mmhqnet.models.losses import box_losses


def losses_of(pred, boxes, size):
    shape = (1, len(pred), 4)
    return box_losses(
        torch.tensor(pred).double().view(shape),
        torch.tensor(boxes).double().view(shape),
        torch.tensor([size * 2] * len(pred)).double().view(shape),
        L1Loss(loss_weight=5.), GIoULoss(loss_weight=2.))


def test_by_hand():
    """A box of 20 x 20 pixels, half covered by its neighbour."""
    l1, iou = losses_of([[0.5, 0.25, 0.2, 0.1]], [[50, 40, 70, 60]],
                        [100, 200])
    assert l1.shape == (1, 1, 4) and iou.shape == (1, 1)
    torch.testing.assert_close(l1[0, 0], torch.tensor([0.5, 0, 0, 0]).double())
    # Overlap 200, union 600 and nothing else in the hull.
    torch.testing.assert_close(iou.item(), 2 * (1 - 200 / 600))


def test_without_pairs():
    l1, iou = losses_of([], [], [100, 200])
    assert l1.shape == (1, 0, 4) and iou.shape == (1, 0)
