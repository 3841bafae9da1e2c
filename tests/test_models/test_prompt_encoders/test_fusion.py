import pytest
import torch
from mmdet.models.layers import SinePositionalEncoding

from mmhqnet.models.prompt_encoders import PromptFusion, PromptTokens


def tokens(family, images, pad=0):
    shape = (len(images), 3, 8)
    generator = torch.Generator().manual_seed(len(family))
    words, positions = torch.randn(
        2, *shape, generator=generator, dtype=torch.float64)
    pad_mask = torch.zeros(len(images), 3, dtype=torch.bool)
    pad_mask[:, 3 - pad:] = pad > 0
    return PromptTokens(family, images, words, positions, pad_mask,
                        words.mean(1))


@pytest.fixture
def fusion():
    torch.manual_seed(0)
    return PromptFusion(embed_dims=8, num_heads=2).double()


def test_every_image_listens_to_its_own_prompt(fusion):
    maps = [torch.randn(3, 8, 4, 5, dtype=torch.float64)]
    prompts = [tokens('text', [2, 0]), tokens('positional', [1])]
    fused, = fusion.eval()(maps, prompts)
    for prompt in prompts:
        attention = fusion.attentions[prompt.family]
        for row, image in enumerate(prompt.images):
            pixels = maps[0][image].flatten(1).T[None]
            heard, _ = attention(pixels, (prompt.words +
                                          prompt.positions)[row:row + 1],
                                 prompt.words[row:row + 1])
            expected = (pixels + heard)[0].T.reshape(8, 4, 5)
            torch.testing.assert_close(fused[image], expected)


def test_padded_words_are_not_heard(fusion):
    maps = [torch.randn(1, 8, 2, 2, dtype=torch.float64)]
    prompt = tokens('text', [0], pad=1)
    before, = fusion.eval()(maps, [prompt])
    prompt.words[:, 2] += 5
    torch.testing.assert_close(fusion(maps, [prompt])[0], before)
    prompt.words[:, 1] += 5
    assert not torch.allclose(fusion(maps, [prompt])[0], before)


def test_the_other_familys_attention_has_gradients_in_training(fusion):
    maps = [torch.randn(1, 8, 2, 2, dtype=torch.float64)]
    fusion.train()(maps, [tokens('text', [0])])[0].sum().backward()
    assert all(parameter.grad is not None for parameter in fusion.parameters())


@pytest.mark.parametrize('selective', [False, True])
def test_a_point_is_heard_where_it_is_only_if_pixels_know_places(selective):
    torch.manual_seed(0)
    fusion = PromptFusion(embed_dims=64, selective=selective).eval()
    fusion.start_alike()
    place = SinePositionalEncoding(
        32, normalize=True, scale=18.85)(
            torch.zeros(1, 9, 9, dtype=torch.bool))
    word = torch.zeros(1, 1, 64)
    word[..., 0] = 1
    point = PromptTokens('positional', [0], word, place[:, :, 2, 6][:, None],
                         torch.zeros(1, 1, dtype=torch.bool), word[:, 0])
    heard = fusion([torch.zeros(1, 64, 9, 9)], [point], [place])[0]
    volume = heard.detach()[0].norm(dim=0)
    if selective:
        assert volume.argmax() == 2 * 9 + 6
        assert volume.min() < .9 * volume.max()
    else:
        torch.testing.assert_close(volume, volume.max().expand(9, 9))
