"""From a data set's test pipeline to one for images without annotations."""
from typing import Sequence

from mmdet.datasets.transforms import InferencerLoader
from mmengine.dataset import Compose

IMAGE_LOADERS = ('LoadImageFromFile', 'LoadHumanImage')
# What data sets bring: annotations and prompts.
OF_DATA_SETS = ('LoadHumanAnnotations', 'LoadAnnotations', 'SamplePrompt')


class FrameLoader(InferencerLoader):
    """mmdet's ``InferencerLoader`` that keeps the name of an image."""

    def transform(self, results: dict) -> dict:
        """Take ``results['img']``."""
        path = results['img_path']
        return dict(super().transform(results), img_path=path)


def frame_pipeline(steps: Sequence[dict]) -> Compose:
    """Make a test pipeline take ``img`` and ``img_path``.

    Args:
        steps: As a config has them.
    """
    kept = []
    for step in steps:
        arguments = dict(step)
        name = arguments.pop('type')
        # In a config of the new style it is the class itself.
        name = getattr(name, '__name__', name).rpartition('.')[2]
        if name in IMAGE_LOADERS:
            step = FrameLoader(**arguments)
        elif 'meta_keys' in step:
            step = dict(
                step,
                meta_keys=[
                    key for key in step['meta_keys']
                    if key not in ('img_id', 'instances')
                ])
        if name not in OF_DATA_SETS:
            kept.append(step)
    return Compose(kept)
