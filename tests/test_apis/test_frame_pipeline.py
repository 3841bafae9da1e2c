"""Images need no annotation file, and keep their names."""
import numpy as np
from mmengine.registry import DefaultScope

from mmhqnet.apis.frame_pipeline import frame_pipeline


def test_only_what_an_image_has(config):
    steps = config.test_dataloader.dataset.pipeline
    before = [dict(step) for step in steps]
    with DefaultScope.overwrite_default_scope('mmdet'):
        pipeline = frame_pipeline(steps)
    image = np.full((40, 30, 3), 7, np.uint8)
    result = pipeline(dict(img=image, img_path='a/7.jpg'))
    sample = result['data_samples']
    assert sample.img_path == 'a/7.jpg' and sample.ori_shape == (40, 30)
    assert 'img_id' not in sample and not len(sample.gt_instances)
    assert result['inputs'].shape == (3, 96, 72)
    assert [dict(step) for step in steps] == before
