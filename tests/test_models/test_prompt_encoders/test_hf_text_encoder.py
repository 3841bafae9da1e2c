import sys

import pytest
import torch

from mmhqnet.errors import InputError
from mmhqnet.models.prompt_encoders import HFTextEncoder

TINY = dict(
    vocab_size=50,
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=70,
    hidden_dropout_prob=0.,
    attention_probs_dropout_prob=0.)


def test_without_transformers_it_can_be_built_and_says_what_is_missing(
        monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    for options in (dict(name_or_path='roberta-base'), dict(config=TINY)):
        encoder = HFTextEncoder(**options)
        with pytest.raises(InputError, match=r'pip install "mmhqnet\[text\]"'):
            encoder(['left'])


@pytest.mark.parametrize('options', [dict(), dict(config=TINY, pooling='max')])
def test_options_at_fault(options):
    with pytest.raises(InputError, match='model.text_encoder'):
        HFTextEncoder(**options)


@pytest.fixture
def transformers():
    return pytest.importorskip('transformers')


def test_from_a_config_only(transformers):
    encoder = HFTextEncoder(config=TINY).eval()
    words, sentence, pad_mask = encoder(['left', 'the old woman'])
    assert words.shape == (2, 5, 16) and sentence.shape == (2, 16)
    assert pad_mask.tolist() == [[False] * 3 + [True] * 2, [False] * 5]
    alone = encoder(['left'])
    torch.testing.assert_close(alone[1], sentence[:1])
    with pytest.warns(UserWarning, match='cut'):
        assert encoder(['word ' * 500])[0].shape[1] == 64


@pytest.fixture
def folder(transformers, tmp_path):
    """A language model in a local folder, with a tokeniser."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    torch.manual_seed(0)
    model = transformers.RobertaModel(transformers.RobertaConfig(**TINY))
    model.save_pretrained(tmp_path)
    vocabulary = {'<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3, 'left': 4}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token='<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token='<pad>',
        unk_token='<unk>').save_pretrained(tmp_path)
    return str(tmp_path), model.eval()


@pytest.mark.parametrize('pooling', ['pooler', 'mean', 'cls'])
def test_from_a_folder_as_transformers_computes(folder, pooling):
    path, model = folder
    encoder = HFTextEncoder(name_or_path=path, pooling=pooling).eval()
    assert encoder.tokenizer is None and not encoder.has_weights
    words, sentence, pad_mask = encoder(['left left', 'left'])
    expected = model(
        torch.tensor([[4, 4], [4, 1]]),
        attention_mask=torch.tensor([[1, 1], [1, 0]]))
    torch.testing.assert_close(words, expected.last_hidden_state)
    first = expected.last_hidden_state[0]
    torch.testing.assert_close(
        sentence[0], {
            'pooler': expected.pooler_output[0],
            'mean': first.mean(0),
            'cls': first[0]
        }[pooling])
    assert not any(parameter.requires_grad for parameter in
                   encoder.model.pooler.parameters()) or pooling == 'pooler'
    assert pad_mask.tolist() == [[False, False], [False, True]]
    with pytest.warns(UserWarning, match='cut after 64 tokens'):
        assert encoder(['left ' * 500])[0].shape[1] == 64


def test_a_checkpoint_takes_the_place_of_the_folders_weights(folder):
    path, _ = folder
    trained = HFTextEncoder(name_or_path=path)
    loaded = HFTextEncoder(name_or_path=path).eval()
    loaded.load_state_dict(trained.state_dict())
    loaded(['left'])
    for name, weight in trained.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weight)


def test_a_frozen_model_does_not_learn(folder):
    encoder = HFTextEncoder(name_or_path=folder[0], freeze=True)
    words, _, _ = encoder(['left'])
    assert not words.requires_grad


def test_a_folder_that_is_none(transformers, tmp_path):
    with pytest.raises(InputError, match='neither a folder'):
        HFTextEncoder(name_or_path=str(tmp_path))


def test_no_network(transformers, monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(InputError, match='fetched from the hub'):
        HFTextEncoder(name_or_path='nobody/no-such-model')(['left'])


def test_too_many_tokens_for_the_model(transformers):
    with pytest.raises(InputError, match='takes 68 tokens'):
        HFTextEncoder(config=TINY, max_length=100)
