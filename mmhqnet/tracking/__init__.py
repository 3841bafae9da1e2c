from .frame_tracker import FrameTracker
from .human_query_tracker import HumanQueryTracker
from .tracked_persons import tracked_persons

__all__ = ['FrameTracker', 'HumanQueryTracker', 'tracked_persons']
