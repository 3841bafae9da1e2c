"""A picture of what a model in training finds."""
import sys
from pathlib import Path
from typing import Optional, Sequence

import mmcv
import numpy as np
from mmdet.structures import DetDataSample
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from mmhqnet.registry import HOOKS


@HOOKS.register_module()
class PreviewHook(Hook):
    """Draw the first held-out images at every validation.

    The pictures are ``previews/step_*.jpg`` in the work dir.

    Args:
        num_images: Images to draw, side by side; at most a batch.
        score_thr: Persons that score less are left out.
    """

    def __init__(self, num_images: int = 4, score_thr: float = 0.3) -> None:
        self.num_images = num_images
        self.score_thr = score_thr

    @master_only
    def after_val_iter(
            self,
            runner: Runner,
            batch_idx: int,
            data_batch: Optional[dict] = None,
            outputs: Optional[Sequence[DetDataSample]] = None) -> None:
        """Draw the predictions of the first batch."""
        if batch_idx > 0:
            return
        visualizer = Visualizer.get_current_instance()
        file = Path(runner.work_dir, 'previews', f'step_{runner.iter:06}.jpg')
        pictures = []
        for sample in outputs[:self.num_images]:
            visualizer.add_datasample(
                file.stem,
                mmcv.imread(sample.img_path, channel_order='rgb'),
                sample,
                draw_gt=False,
                pred_score_thr=self.score_thr,
                out_file=str(file))
            pictures.append(visualizer.get_image())
        height = max(len(picture) for picture in pictures)
        row = np.hstack([
            mmcv.impad(picture, shape=(height, picture.shape[1]), pad_val=255)
            for picture in pictures
        ])
        mmcv.imwrite(row[..., ::-1], str(file))
        print(f'picture {file}', file=sys.stderr, flush=True)
