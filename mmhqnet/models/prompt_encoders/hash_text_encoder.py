"""A text encoder that needs nothing but PyTorch."""
import re
import warnings
import zlib
from typing import List, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmhqnet.registry import MODELS

from .prompt_encoder import masked_mean, word_positions

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def split_words(caption: str) -> List[str]:
    """Words and numbers of a caption in lower case; punctuation is dropped."""
    return _WORD.findall(caption.lower())


def hash_words(caption: str, num_words: int, max_length: int) -> List[int]:
    """Number the words of a caption without a vocabulary.

    Args:
        num_words: Numbers lie in 0..num_words - 1; words may collide.
        max_length: Words that count; the rest is cut off, with a warning.

    Returns: The same numbers everywhere and always, at least one.
    """
    words = split_words(caption) or ['']
    if len(words) > max_length:
        warnings.warn(f'captions are cut after {max_length} words')
    words = words[:max_length]
    return [zlib.crc32(word.encode()) % num_words for word in words]


@MODELS.register_module()
class HashTextEncoder(nn.Module):
    """A small transformer over hashed words, learnt with the detector.

    It knows no language but what the captions teach it: a baseline, and what
    tests and toy models use. :func:`hash_words` numbers the words.
    """

    def __init__(self,
                 *,
                 embed_dims: int = 256,
                 num_words: int = 8192,
                 num_layers: int = 2,
                 num_heads: int = 8,
                 max_length: int = 64,
                 dropout: float = 0.1) -> None:
        super().__init__()
        self.num_words = num_words
        self.max_length = max_length
        self.embedding = nn.Embedding(num_words, embed_dims)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                embed_dims,
                num_heads,
                4 * embed_dims,
                dropout,
                batch_first=True),
            num_layers,
            enable_nested_tensor=False)

    def forward(self,
                captions: Sequence[str]) -> Tuple[Tensor, Tensor, Tensor]:
        """Encode n captions.

        Returns:
            Words (n, length, embed_dims), the sentences (n, embed_dims), which
            are the mean over the words, and True at padded words (n, length).
        """
        device = self.embedding.weight.device
        numbers = [
            torch.tensor(hash_words(caption, self.num_words, self.max_length))
            for caption in captions
        ]
        ids = pad_sequence(numbers, batch_first=True, padding_value=-1)
        pad_mask = (ids < 0).to(device)
        words = self.embedding(ids.clamp(min=0).to(device))
        words = words + word_positions(pad_mask, words.shape[-1]).to(words)
        words = self.encoder(words, src_key_padding_mask=pad_mask)
        return words, masked_mean(words, pad_mask), pad_mask
