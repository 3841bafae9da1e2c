"""Boxes with identities in the columns of MOT17 and of PoseTrack21's kit."""
import csv
import io
import os
import os.path as osp
from typing import Dict, List, Sequence, Tuple

import numpy as np
from mmengine import fileio

from mmhqnet.errors import InputError

# ids (n,) and boxes (n, 4), (x, y, w, h), of one frame
Frame = Tuple[np.ndarray, np.ndarray]


def parse_tracks(text: str, path: str, num_frames: int) -> List[Frame]:
    """Read boxes with identities in the columns of MOT17.

    Rows with a confidence of 0 are not to be evaluated and left out.

    Args:
        text: Content of the file: frame (from 1), id, left, top, width,
            height, confidence, and columns that are not read.
        path: Its name, for error messages.
        num_frames: Length of the sequence.

    Returns: Of each frame ids (n,) and boxes (n, 4), (x, y, w, h) in pixels.
    Raises: InputError: The content is malformed.
    """
    frames: List[Dict[int, Sequence[float]]] = [{} for _ in range(num_frames)]
    reader = csv.reader(io.StringIO(text))
    for row in reader:
        if not row:
            continue
        where = f'{path}, line {reader.line_num}'
        if len(row) < 7:
            raise InputError(f'{where}: {len(row)} columns, expected frame, '
                             'id, left, top, width, height, confidence, ...')
        frame = _number(row[0], 'frame', where, integer=True)
        track = _number(row[1], 'id', where, integer=True)
        box = [
            _number(value, name, where)
            for name, value in zip(('left', 'top', 'width', 'height'), row[2:])
        ]
        if not 1 <= frame <= num_frames:
            raise InputError(f'{where}: frame {frame} is outside of this '
                             f'sequence of {num_frames} frames')
        if min(box[2:]) < 0:
            raise InputError(f'{where}: width or height is negative')
        if _number(row[6], 'confidence', where) == 0:
            continue
        if track in frames[frame - 1]:
            raise InputError(
                f'{where}: id {track} occurs twice in frame {frame}')
        frames[frame - 1][track] = box
    return [(np.array(list(frame), int), np.array(list(frame.values()),
                                                  float).reshape(-1, 4))
            for frame in frames]


def _number(text: str, name: str, where: str, integer: bool = False):
    try:
        value = float(text)
        if integer and value == int(value) and abs(value) < 2**53:
            return int(value)
        if not integer and np.isfinite(value):
            return value
    except (ValueError, OverflowError):  # int() of nan or infinity
        pass
    kind = 'an integer' if integer else 'a finite number'
    raise InputError(f"{where}: {name} is '{text.strip()}', must be {kind}")


def read_text(path: str, backend_args=None) -> str:
    """Content of a text file, or an ``InputError`` that names it."""
    try:
        return fileio.get_text(path, backend_args=backend_args)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: cannot read this file '
                         f'({type(error).__name__})') from error


def format_tracks(frames: Sequence[Frame], confidence: int = 1) -> str:
    """The inverse of :func:`parse_tracks`.

    ``confidence`` is 1 in a ground truth and -1 in results.
    """
    lines = []
    for number, (ids, boxes) in enumerate(frames, 1):
        for track, box in zip(ids, np.asarray(boxes, float)):
            numbers = ','.join(str(float(value)) for value in box)
            lines.append(f'{number},{track},{numbers},{confidence},-1,-1,-1\n')
    return ''.join(lines)


def write_results(path: str, frames: Sequence[Frame]) -> None:
    """Write the tracks of a sequence as PoseTrack21's kit reads them.

    The kit subtracts 1 from every number of a box, so 1 is added here; ids,
    which count from 0, get 1 more as well.
    """
    shifted = [(ids + 1, np.asarray(boxes, float) + 1)
               for ids, boxes in frames]
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    with open(path, 'w') as file:
        file.write(format_tracks(shifted, confidence=-1))


def read_results(path: str, num_frames: int) -> List[Frame]:
    """Read what :func:`write_results` wrote: its inverse."""
    frames = parse_tracks(read_text(path), path, num_frames)
    return [(ids - 1, boxes - 1) for ids, boxes in frames]
