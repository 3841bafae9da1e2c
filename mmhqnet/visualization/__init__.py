from .human_visualizer import HumanLocalVisualizer

__all__ = ['HumanLocalVisualizer']
