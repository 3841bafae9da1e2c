import torch

from mmhqnet.ops.grid_sample import grid_sample_attention


def test_a_point_reads_its_pixel_and_mixes_between_two():
    """Pixel centres are at half pixels; outside is zero."""
    shapes = ((2, 4), (1, 2))
    value = torch.arange(10.).view(1, 10, 1, 1)  # levels of 8 and 2 tokens
    points = torch.tensor([  # of the first and of the second level
        [[[0.125, 0.25]], [[0.25, 0.5]]], [[[0.25, 0.25]], [[0.75, 0.5]]],
        [[[2.0, 2.0]], [[0.5, 0.5]]]
    ]).view(1, 3, 1, 2, 1, 2)
    weights = torch.tensor([1., 10.]).view(1, 1, 1, 2, 1).expand(1, 3, 1, 2, 1)
    output = grid_sample_attention(value, shapes, points, weights)
    assert output.flatten().tolist() == [0 + 80, 0.5 + 90, 0 + 85]
