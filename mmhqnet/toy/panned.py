"""Clips of a camera that pans over a photo: real pixels, exact boxes."""
import numpy as np

MIN_SEEN = 0.3  # of a person's box; with less of it a person is a crowd


def window_path(rng, room, num_frames):
    """Left upper corners of a window that wanders smoothly.

    Args:
        rng (np.random.Generator): Source of all chance.
        room (Sequence[int]): How far the window can move, (x, y) in pixels.
        num_frames (int): Length of the clip.

    Returns: int, (num_frames, 2), within ``room``.
    """
    time = np.linspace(0, 1, num_frames)[:, None]
    turns, start = rng.uniform(0.5, 1.2, 2), rng.uniform(0, 2 * np.pi, 2)
    share = 0.5 + 0.5 * np.sin(start + 2 * np.pi * turns * time)
    return np.rint(share * np.asarray(room)).astype(int)


def pan_photo(rng, photo, persons, size, num_frames=60, pause=0):
    """Look at a photo through a moving window.

    Args:
        rng (np.random.Generator): Source of all chance.
        photo (np.ndarray): uint8 RGB, (H, W, 3).
        persons (Sequence[dict]): COCO annotations.
        size (Sequence[int]): Of the window, (width, height); cut to the
            photo's.
        num_frames (int): Frames with a picture.
        pause (int): Black frames in the middle, while the camera moves on.

    Yields:
        tuple: A frame, uint8 RGB (height, width, 3), and an annotation with
        ``bbox``, ``area``, ``track_id`` (from 1) and ``iscrowd`` of each
        person in the window; who is nearly outside counts as a crowd, to be
        found or not.
    """
    height, width = photo.shape[:2]
    size = np.minimum(size, (width, height))
    corners = window_path(rng, (width, height) - size, num_frames + pause)
    begin = num_frames // 2
    for frame, (x, y) in enumerate(corners):
        picture = photo[y:y + size[1], x:x + size[0]]
        if begin <= frame < begin + pause:
            yield np.zeros_like(picture), []
        else:
            yield picture, _visible_persons(persons, (x, y), size)


def make_up_attributes(content, seed=0):
    """Annotations with a random gender and age for each person.

    Photos without such labels then have some that can only be learnt by
    heart.

    Args:
        content (dict): Of a COCO file; stays as it is.
        seed (int): The same seed gives the same labels.

    Returns: dict: Of another COCO file.
    """
    rng = np.random.default_rng(seed)
    annotations = [
        dict(annotation, gender=int(rng.integers(2)),
             age=int(rng.integers(85)))
        for annotation in content['annotations']
    ]
    return dict(content, annotations=annotations)


def _visible_persons(persons, corner, size):
    annotations = []
    for track_id, person in enumerate(persons, 1):
        x, y, width, height = person['bbox']
        begin = np.array([x, y]) - corner
        end = np.minimum(begin + (width, height), size)
        begin = np.maximum(begin, 0)
        sides = end - begin
        if min(sides) > 0:
            box = [round(float(value), 2) for value in (*begin, *sides)]
            enough = sides.prod() >= MIN_SEEN * width * height
            crowd = int(person.get('iscrowd', 0) or not enough)
            annotations.append(
                dict(category_id=1, iscrowd=crowd, bbox=box,
                     area=box[2] * box[3], track_id=track_id))
    return annotations
