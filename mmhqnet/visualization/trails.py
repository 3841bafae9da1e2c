"""The ways that tracked persons came."""
from collections import deque
from typing import Dict, List, Sequence

import numpy as np


class Trails:
    """Where the persons of every track stood in the last frames.

    A track that is lost for longer than that starts anew.

    Args:
        length: Frames that a trail lasts.
    """

    def __init__(self, length: int = 30) -> None:
        self.length = length
        self._frame = 0
        self._feet: Dict[int, deque] = {}  # by track: frames, points

    def __call__(self, ids: Sequence[int],
                 boxes: np.ndarray) -> List[np.ndarray]:
        """Trails (t, 2) of the persons of the next frame, oldest point first.

        Args:
            ids: Their tracks, n.
            boxes: (n, 4) xyxy. A person stands in the middle of the lower
                edge.
        """
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        feet = np.stack([boxes[:, [0, 2]].mean(1), boxes[:, 3]], 1)
        for track, point in zip(ids, feet):
            self._feet.setdefault(int(track), deque()).append(
                (self._frame, point))
        self._frame += 1
        for track, points in list(self._feet.items()):
            while points and points[0][0] < self._frame - self.length:
                points.popleft()
            if not points:
                del self._feet[track]
        return [
            np.array([point for _, point in self._feet[int(track)]])
            for track in ids
        ]
