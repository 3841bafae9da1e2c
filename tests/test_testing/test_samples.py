"""Made-up samples look like those of the pipeline."""
import numpy as np
import torch

from mmhqnet.testing import make_encoded, make_images, make_sample


def test_persons_lie_within_the_image():
    sample = make_sample(4, img_shape=(50, 70), canvas=(64, 96), seed=3)
    persons = sample.gt_instances
    assert len(persons) == 4 and len(sample.ignored_instances) == 0
    assert (persons.bboxes >= 0).all()
    assert (persons.bboxes <= torch.tensor([70, 50, 70, 50])).all()
    inside = (persons.keypoints >= persons.bboxes[:, None, :2]) & (
        persons.keypoints <= persons.bboxes[:, None, 2:])
    assert inside.all()
    areas = persons.masks.masks.sum((1, 2))
    assert np.array_equal(persons.areas.numpy(), areas) and areas.all()
    assert len(make_sample(0).gt_instances) == 0


def test_an_image_is_its_own_and_padded_with_zeros():
    samples = [
        make_sample(seed=s, img_shape=(50, 70), canvas=(64, 96))
        for s in (0, 1)
    ]
    images = make_images(samples)
    assert images.shape == (2, 3, 64, 96)
    assert not images[:, :, 50:].any() and not images[..., 70:].any()
    assert torch.equal(make_images(samples[:1], seed=0)[0], images[0])
    assert not torch.equal(images[0], images[1])


def test_encoded_images_have_the_encoders_shapes():
    samples = [make_sample(img_shape=(50, 70), canvas=(64, 96))]
    encoded = make_encoded(samples)
    assert encoded.spatial_shapes == [(8, 12), (4, 6), (2, 3), (1, 2)]
    assert encoded.memory.shape == (1, 96 + 24 + 6 + 2, 32)
    assert encoded.memory_mask[0].view(-1)[:96].view(8, 12)[7:].all()
    assert encoded.pixel_embedding.shape == (1, 32, 16, 24)
    assert make_encoded([make_sample()]).memory_mask is None
