"""Attention over the tokens of a body, with a learned skeleton."""
import torch
from torch import Tensor, nn


class GraphAttention(nn.Module):
    """Self-attention whose logits have a learned bias per pair of tokens.

    The tokens of a group are nodes of a graph. Source: UniPHD; docs/uniphd.md.
    """

    def __init__(self, embed_dims: int, num_heads: int,
                 num_tokens: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(
            embed_dims, num_heads, batch_first=True)
        self.adjacency = nn.Parameter(
            torch.full((num_heads, num_tokens, num_tokens), 1e-8))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Let the tokens of each group look at each other.

        All are (groups, num_tokens, dim), the result without residual.
        """
        # (groups * heads, tokens, tokens), row = the token that looks
        bias = self.adjacency.repeat(len(query), 1, 1)
        return self.attn(
            query, key, value, attn_mask=bias, need_weights=False)[0]
