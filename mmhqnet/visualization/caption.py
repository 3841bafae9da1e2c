"""Words on a white strip, above or below a picture."""
import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX


def caption(width: int, words: str) -> np.ndarray:
    """A strip with words in the middle, as large as they fit.

    Returns: (h, width, 3) uint8; the height depends on the width alone.
    """
    height = max(24, width // 16)
    strip = np.full((height, width, 3), 255, np.uint8)
    (wide, high), _ = cv2.getTextSize(words, FONT, 1, 2)
    size = min(.6 * height / max(high, 1), .95 * width / max(wide, 1))
    place = (round((width - size * wide) / 2), round(.75 * height))
    cv2.putText(strip, words, place, FONT, size, (0, 0, 0),
                max(1, round(2 * size)), cv2.LINE_AA)
    return strip
