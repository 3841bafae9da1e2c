import numpy as np
import pytest
from pycocotools import mask as mask_utils

from mmhqnet.structures.label_rules import (are_numbers, is_flagged_valid,
                                            mask_result_rule, runs_cover)


@pytest.mark.parametrize(
    'values',
    [[], [1, 2.5],
     (1, ), np.arange(3), [np.float32(2), np.int64(3)]])
def test_numbers(values):
    assert are_numbers(values)


@pytest.mark.parametrize('values', [
    3, '12', None, [True], ['1'], [None], [float('nan')], [float('-inf')],
    [10**400], [np.bool_(1)]
])
def test_no_numbers(values):
    assert not are_numbers(values)


@pytest.mark.parametrize('annotation, expected', [
    (dict(), True),
    (dict(valid=None), True),
    (dict(valid=dict(face=1)), True),
    (dict(valid=dict(face=0)), False),
    (dict(valid=dict(age=0)), True),
    (dict(face_valid=True), True),
    (dict(face_valid=False), False),
])
def test_flags_of_uni_human_and_whole_body(annotation, expected):
    assert is_flagged_valid(annotation, 'face') == expected


def test_masks_of_results_are_compressed():
    rle = mask_utils.encode(np.ones((4, 5), np.uint8, 'F'))
    rle['counts'] = rle['counts'].decode()
    assert mask_result_rule(rle) is None
    for change in (dict(counts=[0, 20]), dict(size=[4, 6]), dict(size=20)):
        assert 'compressed RLE' in mask_result_rule({**rle, **change})


def random_codes(rng):
    """Numbers of pixels and compressed codes of masks of all kinds."""
    for density in (0, .01, .5, .99, 1):
        for _ in range(10):
            height, width = rng.integers(1, 200, 2)
            mask = (rng.random((height, width)) < density).astype(np.uint8)
            rle = mask_utils.encode(np.asfortranarray(mask))
            yield height * width, rle


def test_run_length_codes_of_pycocotools():
    for num_pixels, rle in random_codes(np.random.default_rng(0)):
        assert runs_cover(rle['counts'], num_pixels)
        assert runs_cover(rle['counts'].decode(), num_pixels)
        assert not runs_cover(rle['counts'], num_pixels + 1)


@pytest.mark.parametrize(
    'counts',
    [
        '',
        'zzzz',  # not of these characters
        'PPPP',  # a number that never ends
        '88',  # 16 pixels of 600
        'hello world',  # a blank is no such character
        'Größe',
        'N0',  # -2 pixels first
        'P' * 100 + '0',  # a number of 500 bits
        [],
        [-1, 601],
        [600.],
        [True, 599],
        ['600'],
    ])
def test_no_run_length_code_of_600_pixels(counts):
    assert runs_cover([0, 300, 300], 600)
    assert not runs_cover(counts, 600)


def test_damaged_run_length_codes():
    rng = np.random.default_rng(1)
    passed = 0
    for num_pixels, rle in random_codes(rng):
        counts = bytearray(rle['counts'])
        counts[rng.integers(len(counts))] = rng.integers(40, 120)
        if runs_cover(bytes(counts), num_pixels):  # so pycocotools can
            passed += 1
            mask_utils.decode(dict(rle, counts=bytes(counts)))
        assert not runs_cover(rle['counts'][:-1], num_pixels)
    assert passed < 25
