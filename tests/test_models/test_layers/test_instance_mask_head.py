import torch
import torch.nn.functional as F

from mmhqnet.models.layers import InstanceMaskHead, mask_features
from mmhqnet.models.layers.instance_mask_head import blocks_to_pixels


def test_blocks_are_laid_out_as_pixel_shuffle_does():
    blocks = torch.randn(2, 3, 16, 4, 5)
    torch.testing.assert_close(
        blocks_to_pixels(blocks),
        F.pixel_shuffle(blocks, 4).squeeze(2))


def head():
    torch.manual_seed(0)
    return InstanceMaskHead(embed_dims=8, refine_dims=(4, 6)).double()


def test_masks_are_two_convolutions_that_the_token_brings_along():
    model = head()
    tokens, features = torch.randn(1, 2, 8).double(), torch.randn(1, 8, 3,
                                                                  4).double()
    centres = torch.tensor([[[10., 5], [20, 9]]]).double()
    drawn = model(tokens, centres, features)
    first, second, b1, b2 = model.controller(tokens)[0, 1].split(model.sizes)
    # dx, dy from the middle of the cells, which are 8 pixels wide
    x, y = torch.meshgrid(
        torch.arange(4) * 8. + 4, torch.arange(3) * 8. + 4, indexing='xy')
    inputs = torch.cat([features[0], (20 - x)[None], (9 - y)[None]])
    expected = F.conv2d(inputs[None].double(), first.view(16, 10, 1, 1), b1)
    expected = F.conv2d(expected.relu(), second.view(16, 16, 1, 1), b2)
    torch.testing.assert_close(drawn[0, 1], expected[0])
    assert model.unrefined(drawn).shape == (1, 2, 12, 16)


def test_refinement_is_the_convolution_of_mask_and_map_side_by_side():
    model = head()
    refinement, feat = model.refinements[0], torch.randn(2, 6, 3, 4).double()
    masks = torch.randn(4, 16, 3, 4).double()
    both = torch.cat([masks, feat.repeat_interleave(2, 0)], 1)
    expected = masks + refinement.conv2(refinement.conv1(both.relu()).relu())
    torch.testing.assert_close(refinement(masks, feat, 2), expected)


def test_refined_masks_have_the_size_of_the_canvas_and_may_be_none():
    model = head()
    feat4, feat8 = torch.randn(2, 4, 8, 12), torch.randn(2, 6, 4, 6)
    for number in (3, 0):
        drawn = torch.randn(2, number, 16, 4, 6, dtype=torch.float64)
        drawn.requires_grad_()
        masks = model.refine(drawn, feat4.double(), feat8.double())
        assert masks.shape == (2, number, 32, 48)
        masks.sum().backward()
        assert drawn.grad.shape == drawn.shape


def test_features_are_the_sum_of_the_finest_levels():
    shapes = [(4, 6), (2, 3), (1, 2), (1, 1)]
    memory = torch.ones(1, sum(h * w for h, w in shapes), 8)
    torch.testing.assert_close(
        mask_features(memory, shapes), torch.full((1, 8, 4, 6), 3.))
