import torch

from mmhqnet.models.layers import RegionExtractor
from mmhqnet.ops import roi_align


def test_each_box_from_the_level_of_its_size():
    extractor = RegionExtractor(output_size=3)
    feats = [
        torch.randn(1, 2, 2 * 64 // s, 3 * 64 // s) for s in (4, 8, 16, 32)
    ]
    sides = torch.tensor([1., 111., 113., 223., 225., 447., 449., 2000.])
    boxes = torch.stack([0 * sides, 0 * sides, sides, sides], -1)[None]
    levels = [0, 0, 1, 1, 2, 2, 3, 3]
    assert extractor.levels(boxes)[0].tolist() == levels
    regions = extractor(feats, boxes)
    for box, level in enumerate(levels):
        expected = roi_align(feats[level], boxes[:, box:box + 1], 3,
                             4 * 2**level)
        torch.testing.assert_close(regions[:, box:box + 1], expected)


def test_turned_boxes_are_small():
    boxes = torch.tensor([[[900., 900., 0., 0.]]])
    assert RegionExtractor().levels(boxes).item() == 0
