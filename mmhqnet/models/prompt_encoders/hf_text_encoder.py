"""Language models of the package transformers, without needing the network."""
import os
import warnings
from typing import Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS

from .hash_text_encoder import hash_words
from .prompt_encoder import masked_mean

POOLINGS = ('pooler', 'mean', 'cls')
# Ids 0 to 2 are RoBERTa's start, padding and end.
START, PADDING, END, NUM_SPECIAL = 0, 1, 2, 3


@MODELS.register_module()
class HFTextEncoder(nn.Module):
    """A language model of the package ``transformers`` (extra ``text``).

    Building it never needs the network: its layers come from ``config`` or
    from a local folder. Weights and tokeniser are read when they are first
    needed: before a training, and for the first caption, but weights not
    after a checkpoint was loaded that holds them.

    Args:
        name_or_path: A local folder with the model, or its name on the hub;
            without one the model starts from random weights and words are
            numbered by hashes.
        config: Entries of the model's config, such as ``hidden_size``;
            ``model_type`` is 'roberta' by default. A folder has its own.
        max_length: Tokens of a caption; the rest is cut off, with a warning.
        pooling: What the sentence is: 'pooler', as released, though RoBERTa's
            is not pretrained; 'mean' over the words; 'cls', the first token.

    Raises:
        InputError: For an unknown pooling or an impossible config; at the
            first need, without ``transformers``, or if the model cannot be
            read.
    """

    def __init__(self,
                 *,
                 name_or_path: Optional[str] = None,
                 config: Optional[dict] = None,
                 max_length: int = 64,
                 pooling: str = 'pooler',
                 freeze: bool = False) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise InputError(f'model.text_encoder.pooling is {pooling!r}; use '
                             f'one of {", ".join(POOLINGS)}')
        if name_or_path is None and config is None:
            raise InputError('model.text_encoder needs name_or_path, a folder '
                             'or a name on the hub, or config')
        self.name_or_path = name_or_path
        self.config = config
        self.max_length = max_length
        self.pooling = pooling
        self.freeze = freeze
        self.tokenizer = None
        self.has_weights = name_or_path is None
        self.model = self._layers()

    @property
    def is_folder(self) -> bool:
        """Whether the model lies in a local folder."""
        return self.name_or_path is not None and os.path.isdir(
            self.name_or_path)

    def _layers(self) -> Optional[nn.Module]:
        """The model with random weights, as far as it is known what it is."""
        try:
            from transformers import AutoConfig, AutoModel
        except ImportError:
            return None
        if self.is_folder:
            config = self._read(AutoConfig)
        elif self.config is not None:
            entries = dict(self.config)
            config = AutoConfig.for_model(
                entries.pop('model_type', 'roberta'), **entries)
        else:
            return None
        return self._prepared(AutoModel.from_config(config))

    def _read(self, kind: type):
        """Read config, weights or tokeniser."""
        try:
            return kind.from_pretrained(
                self.name_or_path, local_files_only=self.is_folder)
        except Exception as error:  # of transformers and of the network
            first_line = str(error).strip().splitlines()[:1]
            raise InputError(
                f'model.text_encoder: {self.name_or_path} is neither a folder '
                'with a language model nor one that can be fetched from the '
                f'hub ({type(error).__name__}: {"".join(first_line)}); name a '
                'folder with config.json, weights and tokeniser') from error

    def _prepared(self, model: nn.Module) -> nn.Module:
        limit = model.config.max_position_embeddings - NUM_SPECIAL + 1
        if self.max_length > limit:
            raise InputError(f'model.text_encoder.max_length is '
                             f'{self.max_length}, but this language model '
                             f'takes {limit} tokens at most')
        model.requires_grad_(not self.freeze)
        if self.pooling != 'pooler' and getattr(model, 'pooler', None):
            model.pooler.requires_grad_(False)  # has no part in anything
        return model

    def init_weights(self) -> None:
        """Read the pretrained weights, before a training."""
        if self.has_weights and self.model is not None:
            return
        try:
            from transformers import AutoModel
        except ImportError as error:
            raise InputError('this text encoder needs the package '
                             'transformers: pip install "mmhqnet[text]", or '
                             'take HashTextEncoder') from error
        pretrained = self._read(AutoModel)
        if self.model is None:
            self.model = self._prepared(pretrained)
        else:
            self.model.load_state_dict(pretrained.state_dict(), strict=False)
        self.has_weights = True

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # Called before the layers below load theirs.
        if self.model is not None and any(
                name.startswith(f'{prefix}model.') for name in state_dict):
            self.has_weights = True
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self,
                captions: Sequence[str]) -> Tuple[Tensor, Tensor, Tensor]:
        """Encode n captions.

        Returns:
            Words (n, length, dim), sentences (n, dim), and True at padded
            words (n, length).
        """
        self.init_weights()
        ids, valid = self._numbers(captions)
        device = next(self.model.parameters()).device
        ids, valid = ids.to(device), valid.to(device)
        with torch.set_grad_enabled(torch.is_grad_enabled()
                                    and not self.freeze):
            output = self.model(input_ids=ids, attention_mask=valid)
        words, pad_mask = output.last_hidden_state, valid == 0
        if self.pooling == 'pooler':
            sentence = output.pooler_output
        elif self.pooling == 'cls':
            sentence = words[:, 0]
        else:
            sentence = masked_mean(words, pad_mask)
        return words, sentence, pad_mask

    def _numbers(self, captions: Sequence[str]) -> Tuple[Tensor, Tensor]:
        """Token ids and 1 where they are not padding, both (n, length)."""
        if self.name_or_path is None:
            ids = [[START] + [
                number + NUM_SPECIAL for number in hash_words(
                    caption, self.model.config.vocab_size -
                    NUM_SPECIAL, self.max_length - 2)
            ] + [END] for caption in captions]
        else:
            if self.tokenizer is None:
                os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
                from transformers import AutoTokenizer
                self.tokenizer = self._read(AutoTokenizer)
            ids = self.tokenizer(list(captions))['input_ids']
            if max(map(len, ids)) > self.max_length:
                warnings.warn('captions are cut after '
                              f'{self.max_length} tokens')
                ids = self.tokenizer(
                    list(captions),
                    truncation=True,
                    max_length=self.max_length)['input_ids']
        length = max(map(len, ids))
        padding = PADDING if self.tokenizer is None else (
            self.tokenizer.pad_token_id)
        padded = torch.tensor(
            [row + [padding] * (length - len(row)) for row in ids])
        lengths = torch.tensor([len(row) for row in ids])
        valid = torch.arange(length) < lengths[:, None]
        return padded, valid.long()
