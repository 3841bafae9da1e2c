"""Following persons through the frames of one video."""
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmhqnet.registry import MODELS

from .human_query_tracker import HumanQueryTracker
from .tracked_persons import tracked_persons


class FrameTracker:
    """Gives the persons of each frame of a video their identities.

    Args:
        tracker: Config of a :class:`HumanQueryTracker`, or of one of mmdet's
            trackers that look at boxes alone.
    """

    def __init__(self, tracker: dict = dict(type='HumanQueryTracker')) -> None:
        self.tracker = MODELS.build(tracker)
        self.num_frames = 0

    @property
    def needs_queries(self) -> bool:
        """Whether persons must have ``human_queries``."""
        return isinstance(self.tracker, HumanQueryTracker)

    def __call__(self, persons: InstanceData) -> InstanceData:
        """Persons of the next frame that belong to tracks.

        They have ``instances_id`` and no ``human_queries``.
        """
        sample = DetDataSample(metainfo=dict(frame_id=self.num_frames))
        sample.pred_instances = persons
        self.num_frames += 1
        tracks = self.tracker.track(
            model=None, img=None, feats=None, data_sample=sample)
        if not self.needs_queries:
            tracks = tracked_persons(persons, tracks)
        tracks.pop('human_queries', None)
        return tracks
