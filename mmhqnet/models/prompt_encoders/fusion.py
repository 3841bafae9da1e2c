"""The image listens to the prompt, level by level (docs/uniphd.md)."""
from typing import List, Optional, Sequence

from torch import Tensor, nn

from mmhqnet.registry import MODELS

from .prompt_encoder import PromptTokens, in_order_of_images, untouched


@MODELS.register_module()
class PromptFusion(nn.Module):
    """Cross-attention from every pixel to the tokens of its image's prompt.

    Text and points have an attention each; all levels share both.

    Args:
        selective: As released (False), pixels do not know their places, and
            attention to a single token is 1 everywhere: all pixels hear a
            point alike. Otherwise a pixel asks with its place, and may also
            attend to nothing; at first, what is alike attracts.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_heads: int = 8,
                 dropout: float = 0.0,
                 selective: bool = False) -> None:
        super().__init__()
        self.selective = selective
        self.attentions = nn.ModuleDict({
            family:
            nn.MultiheadAttention(
                embed_dims,
                num_heads,
                dropout,
                add_zero_attn=selective,
                batch_first=True)
            for family in ('text', 'positional')
        })

    def start_alike(self) -> None:
        """Let pixels and points compare themselves by the same weights."""
        if self.selective:
            weights = self.attentions['positional'].in_proj_weight.data
            queries, keys, _ = weights.chunk(3)
            keys.copy_(queries)

    def forward(self,
                maps: Sequence[Tensor],
                prompts: Sequence[PromptTokens],
                places: Optional[Sequence[Tensor]] = None) -> List[Tensor]:
        """Add to every pixel what the prompt says about it.

        Args:
            maps: Maps of the neck, (bs, dim, h, w).
            prompts: One per family in the batch.
            places: Positional encodings of the maps, if ``selective``.
        """
        asking = [level + place for level, place in zip(maps, places)
                  ] if self.selective else maps
        fused = [
            in_order_of_images([(prompt.images,
                                 self._attend(level, query, prompt))
                                for prompt in prompts])
            for level, query in zip(maps, asking)
        ]
        if self.training:
            families = {prompt.family for prompt in prompts}
            for family, attention in self.attentions.items():
                if family not in families:
                    fused[0] = fused[0] + untouched(attention, fused[0])
        return fused

    def _attend(self, level: Tensor, query: Tensor,
                prompt: PromptTokens) -> Tensor:
        """Fuse the maps of one family's images, (n, dim, h, w)."""
        heard, _ = self.attentions[prompt.family](
            query=query[prompt.images].flatten(2).transpose(1, 2),
            key=prompt.words + prompt.positions,
            value=prompt.words,
            key_padding_mask=prompt.padding_mask,
            need_weights=False)
        heard = heard.transpose(1, 2).unflatten(2, level.shape[-2:])
        return level[prompt.images] + heard
