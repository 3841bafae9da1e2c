import torch

from mmhqnet.testing.attention import (output_and_gradients,
                                       random_attention_inputs)


def test_inputs_fit_each_other_and_come_back():
    values, locations, weights = random_attention_inputs(bs=1, num_points=3)
    assert values.shape == (1, 6 * 9 + 3 * 5 + 2 * 2, 3, 4)
    assert locations.shape == (1, 7, 3, 3, 3, 2)
    assert weights.shape == locations.shape[:-1]
    assert all(x.requires_grad and x.is_leaf for x in (values, locations))
    outside = ((locations < 0) | (locations > 1)).any(-1).double().mean()
    assert 0.3 < outside < 0.7
    assert torch.equal(values, random_attention_inputs(bs=1)[0])


def test_gradients_are_of_the_output():
    x = torch.tensor([1., 2.], requires_grad=True)
    output, gradient = output_and_gradients(lambda x: 3 * x, [x])
    assert output.tolist() == [3, 6]
    assert torch.allclose(gradient, 3 * torch.arange(2.).cos())
