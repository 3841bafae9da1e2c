"""Windows are cut and joined exactly; positions are relative."""
import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.backbones import PlainViT
from mmhqnet.models.backbones.plain_vit import (RelativeAttention,
                                                join_windows, split_windows)


def tiny(**kwargs):
    torch.manual_seed(0)
    model = PlainViT(
        **{
            **dict(
                embed_dims=16,
                depth=3,
                num_heads=2,
                img_size=64,
                pretrain_img_size=48,
                window_size=2,
                global_blocks=(1, ),
                drop_path_rate=0.0),
            **kwargs
        }).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize('shape', [(4, 6), (5, 7), (1, 1)])
def test_windows_round_trip(shape):
    tokens = torch.randn(2, *shape, 3)
    windows, padded = split_windows(tokens, 3)
    assert windows.shape[1:] == (3, 3, 3)
    assert (join_windows(windows, padded, shape) == tokens).all()
    # the first window is the upper left corner of the first map
    rows, columns = (min(3, side) for side in shape)
    assert (windows[0, :rows, :columns] == tokens[0, :rows, :columns]).all()


def test_attention_equals_plain_loops():
    torch.manual_seed(0)
    attention = RelativeAttention(8, 2, 4).double()
    torch.nn.init.normal_(attention.rel_pos_h)
    torch.nn.init.normal_(attention.rel_pos_w)
    tokens = torch.randn(1, 3, 4, 8, dtype=torch.double)
    out = attention(tokens)

    attention_h = torch.nn.functional.interpolate(
        attention.rel_pos_h.T[None], size=5, mode='linear')[0].T
    query, key, value = attention.qkv(tokens[0]).unflatten(-1,
                                                           (3, 2, 4)).unbind(2)
    heads = []
    for head in range(2):
        row = []
        for y in range(3):
            for x in range(4):
                q = query[y, x, head]
                logits = torch.stack([
                    q @ key[i, j, head] / 2 + q @ attention_h[y - i + 2] +
                    q @ attention.rel_pos_w[x - j + 3] for i in range(3)
                    for j in range(4)
                ])
                row.append(
                    logits.softmax(0) @ value[..., head, :].flatten(0, 1))
        heads.append(torch.stack(row))
    expected = attention.proj(torch.cat(heads, -1)).view(1, 3, 4, 8)
    torch.testing.assert_close(out, expected)


def test_chunks_of_queries_change_nothing(monkeypatch):
    model, image = tiny(), torch.randn(1, 3, 80, 96, dtype=torch.double)
    whole, = model(image)
    monkeypatch.setattr('mmhqnet.models.backbones.plain_vit.QUERY_CHUNK', 7)
    torch.testing.assert_close(model(image)[0], whole)


@pytest.mark.parametrize('size', [(48, 48), (64, 96), (50, 70)])
def test_one_map_of_stride_16(size):
    out, = tiny()(torch.randn(2, 3, *size, dtype=torch.double))
    assert out.shape == (2, 16, -(-size[0] // 16), -(-size[1] // 16))


def test_batch_equals_singles():
    model, images = tiny(), torch.randn(2, 3, 64, 80, dtype=torch.double)
    singles = torch.cat([model(image[None])[0] for image in images])
    torch.testing.assert_close(model(images)[0], singles)


def test_activation_checkpointing_gives_the_same_gradients():
    image = torch.randn(1, 3, 48, 64, dtype=torch.double)
    gradients = []
    for with_cp in (False, True):
        model = tiny(with_cp=with_cp).train()
        model(image)[0].square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for plain, checkpointed in zip(*gradients):
        torch.testing.assert_close(plain, checkpointed)


def test_unknown_global_block():
    with pytest.raises(InputError, match='model.backbone.global_blocks'):
        tiny(global_blocks=(3, ))
