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
        encoded = make_encoded([make_sample()], dtype=torch.float32)
        encoded.memory = encoded.memory.to(dtype)
        assert encoded.dtype == encoded.image_sizes().dtype == expected
