import torch

from mmhqnet.models.backbones import ConvNeXtBackbone


def tiny(**kwargs):
    torch.manual_seed(0)
    return ConvNeXtBackbone(
        depths=(1, 1, 2, 1),
        dims=(8, 12, 16, 20),
        drop_path_rate=0.0,
        **kwargs).double()


def test_four_strides_rounded_up():
    maps = tiny()(torch.randn(2, 3, 70, 100, dtype=torch.double))
    assert [tuple(x.shape[1:]) for x in maps] == [(8, 18, 25), (12, 9, 13),
                                                  (16, 5, 7), (20, 3, 4)]


def test_parameters_of_the_tiny_one():
    """28.6 million with the classifier, 27.8 without, as published."""
    with torch.device('meta'):
        model = ConvNeXtBackbone()
    number = sum(p.numel() for p in model.parameters())
    norms = 2 * (96 + 192 + 384)  # the release norms its last map only
    assert number - norms == 28_589_128 - 769_000


def test_activation_checkpointing_gives_the_same_gradients():
    image = torch.randn(1, 3, 64, 64, dtype=torch.double)
    gradients = []
    for with_cp in (False, True):
        model = tiny(with_cp=with_cp).train()
        sum(x.square().sum() for x in model(image)).backward()
        gradients.append([p.grad for p in model.parameters()])
    for plain, checkpointed in zip(*gradients):
        torch.testing.assert_close(plain, checkpointed)
