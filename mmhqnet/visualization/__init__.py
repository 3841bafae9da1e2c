from .human_visualizer import HumanLocalVisualizer
from .trails import Trails

__all__ = ['HumanLocalVisualizer', 'Trails']
