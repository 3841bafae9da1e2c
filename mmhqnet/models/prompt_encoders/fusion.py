"""The image listens to the prompt, level by level (docs/uniphd.md)."""
from typing import List, Sequence

from torch import Tensor, nn

from mmhqnet.registry import MODELS

from .prompt_encoder import PromptTokens, in_order_of_images, untouched


@MODELS.register_module()
class PromptFusion(nn.Module):
    """Cross-attention from every pixel to the tokens of its image's prompt.

    Text and points have an attention each; all levels share both.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_heads: int = 8,
                 dropout: float = 0.0) -> None:
        super().__init__()
        self.attentions = nn.ModuleDict({
            family:
            nn.MultiheadAttention(
                embed_dims, num_heads, dropout, batch_first=True)
            for family in ('text', 'positional')
        })

    def forward(self, maps: Sequence[Tensor],
                prompts: Sequence[PromptTokens]) -> List[Tensor]:
        """Add to every pixel what the prompt says about it.

        Args:
            maps: Maps of the neck, (bs, dim, h, w).
            prompts: One per family in the batch.

        Returns: Of the shapes of ``maps``.
        """
        fused = [
            in_order_of_images([(prompt.images, self._attend(level, prompt))
                                for prompt in prompts]) for level in maps
        ]
        if self.training:
            families = {prompt.family for prompt in prompts}
            for family, attention in self.attentions.items():
                if family not in families:
                    fused[0] = fused[0] + untouched(attention, fused[0])
        return fused

    def _attend(self, level: Tensor, prompt: PromptTokens) -> Tensor:
        """Fuse the maps of one family's images, (n, dim, h, w)."""
        pixels = level[prompt.images].flatten(2).transpose(1, 2)
        heard, _ = self.attentions[prompt.family](
            query=pixels,
            key=prompt.words + prompt.positions,
            value=prompt.words,
            key_padding_mask=prompt.padding_mask,
            need_weights=False)
        return (pixels + heard).transpose(1, 2).unflatten(2, level.shape[-2:])
