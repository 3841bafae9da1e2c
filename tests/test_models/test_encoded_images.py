import pytest
import torch

from mmhqnet.testing import make_encoded, make_sample


def test_image_sizes_leave_out_the_padding():
    samples = [
        make_sample(img_shape=shape, canvas=(64, 96))
        for shape in ((50, 70), (64, 96))
    ]
    encoded = make_encoded(samples)
    assert encoded.image_sizes().tolist() == [[70, 50], [96, 64]]


def test_coordinates_are_never_in_half_precision():
    for dtype, expected in ((torch.float16, torch.float32), (torch.bfloat16,
                                                             torch.float32),
                            (torch.float32, torch.float32), (torch.float64,
                                                             torch.float64)):
        encoded = make_encoded([make_sample(0, (1, 4001))],
                               dtype=torch.float32)
        encoded.memory = encoded.memory.to(dtype)
        assert encoded.dtype == encoded.image_sizes().dtype == expected
        assert encoded.image_sizes().tolist() == [[4001., 1.]]


def test_view_of_one_image():
    """A batch of one, with everything that belongs to the image."""
    samples = [
        make_sample(img_shape=shape, canvas=(64, 96), seed=seed)
        for seed, shape in enumerate([(50, 70), (64, 96), (40, 90)])
    ]
    encoded = make_encoded(samples)
    views = list(encoded)
    assert len(views) == 3
    for image, view in enumerate(views):
        for name in ('memory', 'memory_mask', 'memory_pos', 'valid_ratios',
                     'pixel_embedding'):
            value = getattr(view, name)
            assert value.equal(getattr(encoded, name)[[image]]), name
        assert view.img_metas == [samples[image].metainfo]
        assert view.spatial_shapes == encoded.spatial_shapes
        assert view.image_sizes().equal(encoded.image_sizes()[[image]])
    assert encoded[-1].memory.equal(encoded[2].memory)
    with pytest.raises(IndexError):
        encoded[3]


def test_view_without_padding_or_pixels():
    encoded = make_encoded([make_sample()])
    encoded.pixel_embedding = None
    assert encoded[0].memory_mask is None
    assert encoded[0].pixel_embedding is None
