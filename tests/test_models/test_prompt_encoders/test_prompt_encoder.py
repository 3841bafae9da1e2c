import math

import torch

from mmhqnet.models.prompt_encoders import PromptEncoder, untouched
from mmhqnet.models.prompt_encoders.prompt_encoder import (in_order_of_images,
                                                           word_positions)


def encoder():
    torch.manual_seed(0)
    return PromptEncoder(
        embed_dims=8, text_dims=6, point_dims=4).double().eval()


def test_words_are_placed_on_a_circle_of_their_caption():
    pad_mask = torch.tensor([[False, False, True], [False, False, False]])
    positions = word_positions(pad_mask, 8)
    # The last word of every caption lies at 2 pi, whatever its length.
    last = torch.tensor([math.sin(2 * math.pi), math.cos(2 * math.pi)])
    torch.testing.assert_close(
        positions[[0, 1], [1, 2], :2], last.expand(2, -1), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        positions[0, 0, 0], torch.tensor(0.), atol=1e-4, rtol=0)


def test_a_point_is_what_the_map_says_at_its_place():
    model = encoder()
    feat = torch.randn(1, 4, 3, 5, dtype=torch.float64)
    position = torch.randn(1, 8, 3, 5, dtype=torch.float64)
    canvas = (48, 80)  # corners of the canvas are corners of the map
    points = torch.tensor([[[0., 0], [80, 48], [40, 24], [-9, 99]]])
    tokens = model.encode_points([0], points,
                                 torch.zeros(1, 4, dtype=torch.bool), feat,
                                 position, canvas)
    cells = feat[0, :, [0, 2, 1, 2], [0, 4, 2, 0]].T
    torch.testing.assert_close(tokens.words[0], model.point_proj(cells))
    torch.testing.assert_close(tokens.positions[0, 2], position[0, :, 1, 2])
    torch.testing.assert_close(
        tokens.sentence[0], model.point_sentence_proj(tokens.words[0].mean(0)))


def test_padded_points_say_nothing():
    model = encoder()
    feat = torch.randn(1, 4, 3, 5, dtype=torch.float64)
    position = torch.randn(1, 8, 3, 5, dtype=torch.float64)
    points = torch.tensor([[[10., 10], [70, 40]]])
    padded = model.encode_points([0], points, torch.tensor([[False, True]]),
                                 feat, position, (48, 80))
    alone = model.encode_points([0], points[:, :1], torch.tensor([[False]]),
                                feat, position, (48, 80))
    torch.testing.assert_close(padded.sentence, alone.sentence)


def test_families_return_to_the_order_of_their_images():
    parts = [([2, 0], torch.tensor([20, 0])), ([3, 1], torch.tensor([30, 10]))]
    assert in_order_of_images(parts).tolist() == [0, 10, 20, 30]


def test_what_is_untouched_gets_zero_gradients():
    layer = torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    zero = untouched(layer, torch.zeros(()))
    zero.backward()
    assert zero == 0
    assert layer.weight.grad.eq(0).all() and layer.bias.grad is None
