import pytest
import torch

from mmhqnet.models.layers import sample_points, uncertain_points


def read(image, x, y):
    """Bilinear, pixel centres at half a pixel, zero outside: four pixels."""
    height, width = image.shape
    x, y = x * width - 0.5, y * height - 0.5
    left, top = int(x // 1), int(y // 1)
    value = 0.
    for column, row in ((left, top), (left + 1, top), (left, top + 1),
                        (left + 1, top + 1)):
        if 0 <= column < width and 0 <= row < height:
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            value += weight * image[row, column].item()
    return value


def test_sample_points_naive():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 5, 8).double()
    points = torch.rand(2, 20, 2)
    points[0, :2] = torch.tensor([[0., 0.], [1., 1.]])
    values = sample_points(maps, points)
    assert values.shape == (2, 3, 20)
    for n in range(2):
        for channel in range(3):
            expected = [read(maps[n, channel], *p) for p in points[n].tolist()]
            torch.testing.assert_close(
                values[n, channel],
                torch.tensor(expected).double(),
                rtol=0,
                atol=1e-6)  # the points are float32


def test_the_centre_of_a_pixel_is_the_pixel():
    maps = torch.randn(1, 1, 4, 6)
    y, x = torch.meshgrid(
        (torch.arange(4) + 0.5) / 4, (torch.arange(6) + 0.5) / 6,
        indexing='ij')
    points = torch.stack([x, y], -1).view(1, 24, 2)
    torch.testing.assert_close(
        sample_points(maps, points).view(4, 6), maps[0, 0])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_points_are_exact_in_half_precision(dtype):
    """A wide map whose value is the place."""
    maps = torch.arange(2.).repeat(100).expand(1, 1, 1, 200).to(dtype)
    points = torch.rand(1, 50, 2)
    points[..., 1] = 0.5
    values = sample_points(maps, points)
    assert values.dtype == torch.float32
    assert values.equal(sample_points(maps.float(), points))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_uncertain_points(dtype, same_points):
    """Naive: of 30 candidates the 7 nearest to a logit of 0, and 3 more."""
    logits = torch.randn(4, 6, 9).to(dtype)
    points = uncertain_points(
        logits, num_points=10, oversample_ratio=3.0, importance_ratio=0.75)
    assert points.shape == (4, 10, 2)
    assert 0 <= points.min() and points.max() < 1
    candidates, uniform = torch.rand(1, 30, 2)[0], torch.rand(1, 3, 2)[0]
    for image, ours in zip(logits, points):
        certainty = [abs(read(image, *p)) for p in candidates.tolist()]
        best = sorted(range(30), key=lambda i: certainty[i])[:7]
        # In any order.
        assert sorted(ours[:7].tolist()) == sorted(candidates[best].tolist())
        assert ours[7:].equal(uniform)


def test_uncertain_points_need_no_gradient_and_no_mask():
    logits = torch.randn(2, 6, 9, requires_grad=True)
    assert not uncertain_points(logits, 10, 3.0, 0.75).requires_grad
    assert uncertain_points(logits[:0], 10, 3.0, 0.75).shape == (0, 10, 2)
    assert sample_points(logits[:0, None], torch.rand(0, 10,
                                                      2)).shape == (0, 1, 10)


def test_extreme_shares():
    logits = torch.randn(2, 6, 9)
    for share in (0., 1.):
        assert uncertain_points(logits, 10, 3.0, share).shape == (2, 10, 2)
