from .human_query_tracker import HumanQueryTracker
from .tracked_persons import tracked_persons

__all__ = ['HumanQueryTracker', 'tracked_persons']
