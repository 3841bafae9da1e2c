"""Where the feet stand: a task outside of mmhqnet."""
from .feet_head import FeetHead
from .feet_metric import FeetMetric
from .feet_visualizer import FeetVisualizer

__all__ = ['FeetHead', 'FeetMetric', 'FeetVisualizer']
