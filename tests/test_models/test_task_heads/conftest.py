"""Two images of two and three persons, and whose each query is."""
import pytest
import torch

from mmhqnet.models.matching import Assignment


@pytest.fixture
def samples(make_sample):
    return [
        make_sample(number, shape, canvas=(64, 96), seed=number)
        for number, shape in ((2, (64, 96)), (3, (50, 77)))
    ]


@pytest.fixture
def encoded(samples, make_encoded):
    return make_encoded(samples)


@pytest.fixture
def assignment():
    """Of six queries an image; different ones and orders in each layer."""
    return Assignment(
        query_inds=torch.tensor([[1, 4, 7, 8, 11], [0, 1, 6, 7, 9],
                                 [2, 3, 8, 9, 10]]),
        gt_inds=torch.tensor([[0, 1, 2, 3, 4], [1, 0, 4, 2, 3],
                              [1, 0, 3, 4, 2]]),
        pairs_per_image=[2, 3])
