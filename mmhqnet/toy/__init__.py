"""Drawing of Toy UniHuman, the synthetic data set of small people.

``traits`` invents a person, ``body`` poses the skeleton in 3D, ``figure``
paints it, ``scenery`` paints the world around it, ``scene`` puts all of that
in one picture and reads the annotations off the painted labels, ``dataset``
writes many of them.
"""
from .scene import KEYPOINT_NAMES, SKELETON, draw_scene

__all__ = ['KEYPOINT_NAMES', 'SKELETON', 'draw_scene']
