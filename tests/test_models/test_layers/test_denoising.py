"""mmdet's denoising queries, in any precision."""
import pytest
import torch
from mmdet.models.layers import CdnQueryGenerator

from mmhqnet.models.layers import DenoisingQueryGenerator

CONFIG = dict(
    num_classes=1,
    embed_dims=16,
    num_matching_queries=5,
    label_noise_scale=0.5,
    box_noise_scale=1.0,
    group_cfg=dict(dynamic=True, num_dn_queries=10))

NUMBERS = [(3, 1), (2, 2), (0, 2), (4, 0, 1), (12, ), (0, ), (0, 0)]


@pytest.mark.parametrize('numbers', NUMBERS)
def test_equals_mmdet(numbers, make_sample):
    samples = [
        make_sample(number, seed=seed, dtype=torch.float32)
        for seed, number in enumerate(numbers)
    ]
    theirs, ours = CdnQueryGenerator(**CONFIG), DenoisingQueryGenerator(
        **CONFIG)
    ours.load_state_dict(theirs.state_dict())
    torch.manual_seed(0)
    expected = theirs(samples)
    torch.manual_seed(0)
    queries = ours(samples)
    for our, their in zip(queries[:3], expected[:3]):
        assert our.equal(their) and our.dtype == their.dtype
    assert queries[3] == expected[3]


def test_float64(make_sample):
    """Noise is drawn in the type of the boxes; mmdet collates in float32."""
    generator = DenoisingQueryGenerator(**CONFIG).double()
    samples = [make_sample(3), make_sample(1, seed=1)]
    labels, bboxes, _, meta = generator(samples)
    assert labels.dtype == bboxes.dtype == torch.float64
    assert meta == dict(num_denoising_queries=18, num_denoising_groups=3)
    # Places of the second image's missing persons are zero.
    rows = bboxes.view(2, 6, 3, 4)
    assert rows[0].any(-1).all() and rows[1, :, 0].any(-1).all()
    assert not rows[1, :, 1:].any()


def test_positive_queries_are_nearer_than_negative_ones(make_sample):
    generator = DenoisingQueryGenerator(**{**CONFIG, 'box_noise_scale': 0.04})
    sample = make_sample(2)
    boxes = sample.gt_instances.bboxes / torch.tensor([96, 64, 96, 64])
    sizes = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    for seed in range(5):
        torch.manual_seed(seed)
        _, bboxes, _, meta = generator([sample])
        groups = bboxes[0].sigmoid().view(-1, 2, 2, 4)
        centre, size = groups.split(2, dim=-1)
        corners = torch.cat([centre - size / 2, centre + size / 2], -1)
        shift = (corners - boxes).abs() / sizes * 2 / 0.04
        assert shift[:, 0].max() <= 1 + 1e-3
        assert shift[:, 1].min() >= 1 - 1e-3 and shift[:, 1].max() <= 2 + 1e-3
