"""What the encoder knows about a batch of images."""
from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

import torch
from torch import Tensor


@dataclass
class EncodedImages:
    """What the encoder knows about a batch; ``encoded[i]`` about one image.

    Attributes:
        memory: Encoder output, (bs, num_tokens, dim); level after level,
            strides 8, 16, 32, 64.
        memory_mask: True where a token is padding, (bs, num_tokens); None
            without padding.
        memory_pos: Positional encoding of the tokens, (bs, num_tokens, dim).
        spatial_shapes: (h, w) of each level.
        level_start_index: First token of each level, (num_levels, ).
        valid_ratios: Share (w, h) of each level that is not padding, (bs,
            num_levels, 2).
        pixel_embedding: (bs, dim, H/4, W/4), there if a task asked for it.
        img_metas: Meta information of the images.
    """
    memory: Tensor
    memory_mask: Optional[Tensor]
    memory_pos: Tensor
    spatial_shapes: List[Tuple[int, int]]
    level_start_index: Tensor
    valid_ratios: Tensor
    pixel_embedding: Optional[Tensor]
    img_metas: List[dict]

    def __getitem__(self, image: int) -> 'EncodedImages':
        """One image's view, a batch of size 1."""
        image = range(len(self.memory))[image]
        one = slice(image, image + 1)

        def view(value: Optional[Tensor]) -> Optional[Tensor]:
            return None if value is None else value[one]

        return replace(
            self,
            memory=self.memory[one],
            memory_mask=view(self.memory_mask),
            memory_pos=self.memory_pos[one],
            valid_ratios=self.valid_ratios[one],
            pixel_embedding=view(self.pixel_embedding),
            img_metas=self.img_metas[one])

    @property
    def dtype(self) -> torch.dtype:
        """Type for coordinates and targets, under mixed precision too."""
        return torch.promote_types(self.memory.dtype, torch.float32)

    def image_sizes(self) -> Tensor:
        """(w, h) of each image without padding, in pixels, (bs, 2)."""
        sizes = [meta['img_shape'][1::-1] for meta in self.img_metas]
        # An ordinary copy would wait for the device.
        return torch.tensor(
            sizes, dtype=self.dtype).to(
                self.memory.device, non_blocking=True)
