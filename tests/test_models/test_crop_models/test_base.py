"""Where crops lie, and what is in them."""
import pytest
import torch

from mmhqnet.models.crop_models import CropModel


@pytest.mark.parametrize('box', [[10., 10, 20, 50], [10., 10, 90, 20]])
def test_regions_hold_the_box_in_the_crops_shape(box):
    model = CropModel(size=(64, 48), padding=1.25)
    (x1, y1, x2, y2), = model.regions(torch.tensor([box])).tolist()
    assert (x2 - x1) / (y2 - y1) == pytest.approx(48 / 64)
    assert [x1 + x2,
            y1 + y2] == pytest.approx([box[0] + box[2], box[1] + box[3]])
    sides = [(x2 - x1) / (box[2] - box[0]), (y2 - y1) / (box[3] - box[1])]
    assert min(sides) == pytest.approx(1.25)


def test_a_crop_of_whole_pixels_is_that_part_of_the_image():
    image = torch.rand(3, 40, 30)
    model = CropModel(size=(8, 6))
    region = torch.tensor([[10., 20, 16, 28], [-3., -4, 3, 4]])
    inside, corner = model.cut(image, region)
    torch.testing.assert_close(inside, image[:, 20:28, 10:16])
    torch.testing.assert_close(corner[:, 4:, 3:], image[:, :4, :3])
    outside = torch.cat([corner[:, :4].flatten(), corner[:, :, :3].flatten()])
    assert outside.abs().max() < 1e-5


def test_no_persons():
    model = CropModel(size=(8, 6))
    regions = model.regions(torch.zeros(0, 4))
    assert model.cut(torch.rand(3, 40, 30), regions).shape == (0, 3, 8, 6)
