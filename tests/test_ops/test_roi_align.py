import pytest
import torch

from mmhqnet.ops import roi_align


def random_inputs(dtype=torch.float64, seed=0):
    """Two maps of stride 4; boxes inside, across and far outside."""
    generator = torch.Generator().manual_seed(seed)
    feats = torch.randn(2, 3, 11, 13, generator=generator, dtype=dtype)
    centres = torch.rand(2, 30, 2, generator=generator, dtype=dtype) * 120 - 30
    sizes = torch.rand(2, 30, 2, generator=generator, dtype=dtype) * 60
    return feats, torch.cat([centres - sizes / 2, centres + sizes / 2], -1)


def test_bins_of_a_ramp():
    """A bilinear sample of a linear map is the map itself."""
    x = torch.arange(10.)
    feats = (x + 100 * x[:, None])[None, None]
    boxes = torch.tensor([[[8., 12., 24., 20.]]])
    regions = roi_align(feats, boxes, output_size=2, stride=4)
    # Bins of 2 x 1 pixels of the map; a pixel's centre is at a half.
    expected = torch.tensor([[[302.5, 304.5], [402.5, 404.5]]])
    torch.testing.assert_close(regions[0, 0], expected)


def test_nothing_beyond_a_pixel_outside():
    feats = torch.ones(1, 1, 4, 4)
    boxes = torch.tensor([[[-2., 0., 0., 16.], [-8., 0., -4.1, 16.],
                           [30., 0., 40., 16.]]])
    near, far, right = roi_align(feats, boxes, output_size=1, stride=4)[0]
    assert near.item() == 1  # the border is repeated
    assert far.item() == right.item() == 0


@pytest.mark.parametrize('sampling_ratio', [1, 2])
@pytest.mark.parametrize('dtype, tolerance', [(torch.float64, 1e-12),
                                              (torch.float32, 1e-4)])
def test_equals_mmcv(dtype, tolerance, sampling_ratio):
    ops = pytest.importorskip('mmcv.ops')
    feats, boxes = random_inputs(dtype)
    layer = ops.RoIAlign(3, 1 / 4, sampling_ratio, aligned=True)
    rois = torch.cat([
        torch.arange(2, dtype=dtype).repeat_interleave(30)[:, None],
        boxes.flatten(0, 1)
    ], 1)
    try:
        expected = layer(feats, rois)
    except Exception as error:
        pytest.skip(f'mmcv has no compiled operators: {error}')
    ours = roi_align(feats, boxes, 3, 4, sampling_ratio)
    torch.testing.assert_close(
        ours.flatten(0, 1), expected, rtol=0, atol=tolerance)


def test_batched_equals_single():
    feats, boxes = random_inputs()
    together = roi_align(feats, boxes, 3, 4)
    for image in range(2):
        alone = roi_align(feats[image:image + 1], boxes[image:image + 1, 7:8],
                          3, 4)
        torch.testing.assert_close(together[image, 7], alone[0, 0])


def test_gradients_of_map_and_boxes():
    feats, boxes = random_inputs()
    feats, boxes = feats[..., :5, :5], boxes[:, :4]
    for inputs in (feats, boxes):
        inputs.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda feats, boxes: roi_align(feats, boxes, 2, 4), (feats, boxes))


def test_degenerate_boxes_and_half_precision_are_finite():
    feats = torch.randn(1, 2, 8, 8).half()
    boxes = torch.tensor([[[5., 5., 5., 5.], [9., 9., 1., 1.],
                           [-1e6, -1e6, 1e6, 1e6]]])
    regions = roi_align(feats, boxes, 2, 4)
    assert regions.dtype == torch.float32 and regions.isfinite().all()
    assert roi_align(feats, boxes[:, :0], 2, 4).shape == (1, 0, 2, 2, 2)


def test_traced_once_for_all_boxes():
    """As exporters do: nothing is taken from the numbers of a run."""
    feats, boxes = random_inputs()
    traced = torch.jit.trace(
        lambda feats, boxes: roi_align(feats, boxes, 3, 4), (feats, boxes))
    other_feats, other_boxes = random_inputs(seed=1)
    torch.testing.assert_close(
        traced(other_feats, other_boxes),
        roi_align(other_feats, other_boxes, 3, 4))
