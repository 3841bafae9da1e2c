import pytest
import torch

from mmhqnet.models.prompt_encoders import HashTextEncoder
from mmhqnet.models.prompt_encoders.hash_text_encoder import (hash_words,
                                                              split_words)


def test_words_are_numbered_the_same_everywhere():
    assert split_words("The girl's hat, No. 7!") == [
        'the', "girl's", 'hat', 'no', '7'
    ]
    assert hash_words('Old woman', 8192, 64) == [5349, 605]
    assert hash_words('woman OLD', 8192, 64) == [605, 5349]
    assert len(hash_words('?', 8192, 64)) == 1


def test_long_captions_are_cut_with_a_warning():
    with pytest.warns(UserWarning, match='cut after 64 words'):
        assert len(hash_words('word ' * 500, 8192, 64)) == 64


def test_padding_changes_nothing_and_order_matters():
    torch.manual_seed(0)
    encoder = HashTextEncoder(
        embed_dims=16, num_words=32, num_layers=1, num_heads=2).eval()
    words, sentence, pad_mask = encoder(['left man', 'the old woman left'])
    assert words.shape == (2, 4, 16)
    assert pad_mask.tolist() == [[False, False, True, True], [False] * 4]
    alone = encoder(['left man'])
    torch.testing.assert_close(alone[1], sentence[:1])
    torch.testing.assert_close(alone[0], words[:1, :2])
    assert not torch.allclose(encoder(['man left'])[1], sentence[:1])
