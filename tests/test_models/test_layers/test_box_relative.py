import torch

from mmhqnet.models.layers import from_box, to_box


def test_there_and_back():
    boxes = torch.tensor([[10., 20., 50., 100.]])
    keypoints = torch.tensor([[[10., 20.], [50., 60.], [51., 60.],
                               [30., 100.5]]])
    relative, inside = to_box(keypoints, boxes)
    torch.testing.assert_close(from_box(relative, boxes), keypoints)
    assert inside.tolist() == [[True, True, False, False]]
    assert relative[0, 0].tolist() == [-0.5, -0.5]


def test_boxes_without_size():
    boxes = torch.tensor([[5., 5., 5., 5.], [5., 5., 1., 1.]])
    relative, inside = to_box(torch.full((2, 1, 2), 3.), boxes)
    assert relative.isfinite().all() and not inside.any()
