"""Prompts drawn into pictures."""
import cv2
import numpy as np

from mmhqnet.structures import Box, Point, Prompt, Scribble, Text

from .caption import caption

COLOUR = (255, 40, 120)
"""tuple[int]: RGB; each line has a white rim."""


def draw_prompt(image: np.ndarray, prompt: Prompt) -> np.ndarray:
    """Draw a prompt on a copy of an image, RGB uint8 (h, w, 3), in its pixels.

    Words go on a strip below; all kinds of prompts give the same size.
    """
    canvas = image.copy()
    unit = max(1, round(image.shape[1] / 200))
    says = prompt.kind
    if isinstance(prompt, Text):
        says = prompt.caption
    else:
        points = np.rint(prompt.points).astype(int)
        for colour, thickness in (((255, ) * 3, 4 * unit), (COLOUR, 2 * unit)):
            if isinstance(prompt, Point):
                cv2.circle(canvas, points[0].tolist(), thickness + unit,
                           colour, -1, cv2.LINE_AA)
            elif isinstance(prompt, Scribble):
                cv2.polylines(canvas, [points[:, None]], False, colour,
                              thickness, cv2.LINE_AA)
            elif isinstance(prompt, Box):
                cv2.rectangle(canvas, points[0].tolist(), points[1].tolist(),
                              colour, thickness, cv2.LINE_AA)
    return np.concatenate([canvas, caption(image.shape[1], says)])
