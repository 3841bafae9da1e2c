import math

import numpy as np
import pytest
import torch

from mmhqnet.models.layers import KeypointHeatmap
from mmhqnet.models.layers.keypoint_heatmap import gaussian_radius

K = 3


@pytest.fixture
def heatmap(randomise):
    torch.manual_seed(0)
    module = KeypointHeatmap(
        embed_dims=32, num_keypoints=K, feedforward_channels=40)
    module.init_weights()
    return randomise(module.double()).eval()


def smallest_root(width, height, overlap=0.9):
    """CornerNet's three roots, as CornerNet's code has them."""
    total, area = width + height, width * height
    roots = []
    for a, b, c in ((1, total, area * (1 - overlap) / (1 + overlap)),
                    (4, 2 * total, (1 - overlap) * area),
                    (4 * overlap, -2 * overlap * total, (overlap - 1) * area)):
        roots.append((b + math.sqrt(b * b - 4 * a * c)) / 2)
    return min(roots)


def test_gaussian_radius_is_the_smallest_of_three_roots():
    sizes = np.random.default_rng(0).uniform(0.5, 60, (200, 2))
    sizes[0] = 0.01
    radius = gaussian_radius(torch.tensor(sizes))
    expected = [min(max(int(smallest_root(*s) // 1), 0), 3) for s in sizes]
    assert radius.tolist() == expected
    assert set(expected) == {0, 1, 2, 3}


def draw_naive(keypoints, labelled, bboxes, shape, stride=8):
    """Pixel by pixel."""
    height, width = shape
    maps = np.zeros((len(keypoints), K, height, width))
    for image in range(len(keypoints)):
        for person, box in enumerate(bboxes[image].tolist()):
            w, h = (box[2] - box[0]) / stride, (box[3] - box[1]) / stride
            radius = min(max(int(smallest_root(w, h) // 1), 0), 3)
            sigma = (2 * radius + 1) / 6
            for k in range(K):
                x, y = (
                    c // stride for c in keypoints[image][person, k].tolist())
                if not labelled[image][person, k] or not (0 <= x < width
                                                          and 0 <= y < height):
                    continue
                for row in range(height):
                    for column in range(width):
                        dx, dy = column - x, row - y
                        if max(abs(dx), abs(dy)) <= radius:
                            value = math.exp(-(dx**2 + dy**2) / (2 * sigma**2))
                            maps[image, k, row,
                                 column] = max(value, maps[image, k, row,
                                                           column])
    return torch.tensor(maps)


def random_persons(number, seed, size=(80, 120)):
    generator = torch.Generator().manual_seed(seed)
    height, width = size

    def rand(*shape):
        return torch.rand(*shape, generator=generator).double()

    keypoints = rand(number, K, 2) * torch.tensor([width, height])
    corners = rand(number, 2, 2) * torch.tensor([width, height]) * 1.5
    bboxes = torch.cat([corners.amin(1), corners.amax(1)], 1)
    return keypoints, (rand(number, K) < 0.8).double(), bboxes


def test_targets_naive(heatmap):
    """Overlapping persons, an image without any, and all borders."""
    keypoints, labelled, bboxes = map(
        list, zip(*(random_persons(n, n) for n in (6, 0, 3))))
    keypoints[2][0] = torch.tensor([[0., 0.], [119.9, 79.9], [0., 79.9]])
    # Exactly on the lower right corner, or outside: nothing is drawn.
    keypoints[2][1] = torch.tensor([[120., 40.], [60., 80.], [-1., 40.]])
    labelled[2][:2] = 1
    bboxes[2][:2] = torch.tensor([0., 0., 400., 400.])  # radius 3
    maps = heatmap.draw_targets(keypoints, labelled, bboxes, (10, 15))
    expected = draw_naive(keypoints, labelled, bboxes, (10, 15))
    torch.testing.assert_close(maps, expected)
    assert not maps[1].any()
    assert maps[2, 1, 9, 14] == 1 == maps[2, 0, 0, 0]
    # A Gaussian at the corner is cut off, not wrapped around.
    assert maps[2, 0, 0, 3] > 0 and maps[2, 0, 3, 0] > 0


def test_one_keypoint_by_hand(heatmap):
    """Radius 1: sigma 1/2, so exp(-2) beside and exp(-4) diagonally."""
    keypoints = torch.tensor([[[20., 12.], [0., 0.], [0., 0.]]]).double()
    labelled = torch.tensor([[1., 0., 0.]]).double()
    bboxes = torch.tensor([[0., 0., 100., 100.]]).double()  # 12.5 -> 1.2
    maps = heatmap.draw_targets([keypoints], [labelled], [bboxes], (4, 5))
    expected = torch.zeros(4, 5).double()
    side, diagonal = math.exp(-2), math.exp(-4)
    expected[0:3, 1:4] = torch.tensor([[diagonal, side, diagonal],
                                       [side, 1., side],
                                       [diagonal, side, diagonal]])
    torch.testing.assert_close(maps[0, 0], expected)
    assert not maps[0, 1:].any()


def test_nobody_at_all(heatmap):
    persons = random_persons(0, 0)
    maps = heatmap.draw_targets(*([x, x] for x in persons), (4, 5))
    assert maps.shape == (2, K, 4, 5) and not maps.any()


@pytest.mark.parametrize('img_shape', [(64, 96), (48, 70)])
def test_forward_reads_stride_8_only(heatmap, make_sample, make_encoded,
                                     img_shape):
    encoded = make_encoded([make_sample(img_shape=img_shape, canvas=(64, 96))])

    def apply():
        return heatmap(encoded.memory, encoded.memory_pos, encoded.memory_mask,
                       encoded.valid_ratios, (8, 12))

    logits = apply()
    assert logits.shape == (1, K, 8, 12)
    encoded.memory[:, 96:] = 0
    assert apply().equal(logits)
    # A token's heat map stays at its place.
    changed = encoded.memory.clone()
    changed[0, 3 * 12 + 5] += 1
    encoded.memory = changed
    difference = (apply() - logits).abs().amax((0, 1))
    assert difference.argmax() == 3 * 12 + 5


def test_padding_is_not_read(heatmap, make_sample, make_encoded):
    encoded = make_encoded([make_sample(img_shape=(48, 80), canvas=(64, 96))])
    args = (encoded.memory_pos, encoded.memory_mask, encoded.valid_ratios,
            (8, 12))
    logits = heatmap(encoded.memory, *args)
    changed = encoded.memory.masked_fill(encoded.memory_mask[..., None], 9.)
    torch.testing.assert_close(
        heatmap(changed, *args)[:, :, :6, :10], logits[:, :, :6, :10])
