import torch

from mmhqnet.models.layers import GraphAttention


def test_the_bias_says_who_looks_at_whom():
    torch.manual_seed(0)
    attention = GraphAttention(8, 2, 3).double()
    tokens = torch.randn(4, 3, 8, dtype=torch.float64)
    plain = attention.attn(tokens, tokens, tokens)[0]
    torch.testing.assert_close(attention(tokens, tokens, tokens), plain)
    with torch.no_grad():
        attention.adjacency[:, 0, 2] = 100  # token 0 sees token 2 only
    looked = attention(tokens, tokens, tokens)
    weight, bias = attention.attn.in_proj_weight[16:], \
        attention.attn.in_proj_bias[16:]
    value = attention.attn.out_proj(tokens[:, 2] @ weight.T + bias)
    torch.testing.assert_close(looked[:, 0], value)
    torch.testing.assert_close(looked[:, 1:], plain[:, 1:])
    looked.sum().backward()
    assert attention.adjacency.grad.shape == (2, 3, 3)
