"""Where images come from: files, folders, arrays, videos, cameras, ...

Everything becomes a stream of frames. What cannot be read becomes a frame
with an error instead of an image, so that it costs the others nothing.
"""
import glob
import itertools
import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional

import cv2
import numpy as np
from mmdet.utils.misc import IMG_EXTENSIONS

from mmhqnet.datasets.transforms import LoadHumanImage
from mmhqnet.errors import InputError, missing_file

VIDEO_EXTENSIONS = ('.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg',
                    '.mpeg', '.wmv', '.flv', '.ts', '.mjpeg', '.mjpg')
LIVE_SCHEMES = ('rtsp', 'rtsps', 'rtmp', 'udp', 'tcp')


class Frame(NamedTuple):
    """One image of a source.

    Attributes:
        image: (H, W, 3) uint8, BGR; None if it could not be read.
        name: What outputs are called: the file's name without its ending,
            with the frame's number if it is of a video, else the position
            in the source, eight digits.
        path: Of the file, if it is from one.
        index: Number of the frame within its video or stream, from 0.
        time: Seconds since the video's beginning.
        error: Why there is no image, one line.
        rate: Frames per second of its video, if known.
    """
    image: Optional[np.ndarray]
    name: str
    path: Optional[str] = None
    index: Optional[int] = None
    time: Optional[float] = None
    error: Optional[str] = None
    rate: Optional[float] = None


Item = Callable[[], Frame]  # reads it


def read_frames(source: Any,
                every: int = 1,
                start: int = 0,
                stop: Optional[int] = None) -> Iterator[Frame]:
    """Read a source, one frame at a time.

    Args:
        source: A path (str or ``Path``) of an image, a video, a folder of
            images, or a pattern with ``*``; an address of an image
            (``https://``) or of a stream (``rtsp://``); the number of a
            camera; an array (H, W[, C]), or (T, H, W, C) for T frames: BGR,
            grey or with alpha, 8 or 16 bits or floats in [0, 1]; a PIL
            image; or any iterable of these.
        every, start, stop: Frames to read, as ``range(start, stop, every)``;
            what is left out is not decoded.

    Raises: InputError: If there is nothing at all in the source.
    """
    check_range(every, start, stop)
    items = _items(source, itertools.count())
    try:
        for item in itertools.islice(items, start, stop, every):
            yield item()
    finally:
        items.close()


def check_range(every: int, start: int, stop: Optional[int]) -> None:
    """Raise :class:`InputError` if no frames are meant by these numbers."""
    if every < 1 or start < 0 or (stop is not None and stop < 0):
        raise InputError(f'every={every}, start={start}, stop={stop}: every '
                         'must be at least 1, the others not negative')


def count_frames(source: Any) -> Optional[int]:
    """How many frames a source has, None if only reading it can tell."""
    if isinstance(source, (str, os.PathLike)):
        source = str(source)
        if is_video(source):
            capture = cv2.VideoCapture(source)
            count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            capture.release()
            return count if count > 0 else None
        return len(list(_paths(source)))
    if isinstance(source, np.ndarray):
        return len(source) if source.ndim == 4 else 1
    if _is_pil(source):
        return 1
    if isinstance(source, (list, tuple)):
        total = 0
        for each in source:
            try:
                count = count_frames(each)
            except InputError:
                count = 1  # which says so
            if count is None:
                return None
            total += count
        return total
    return None


def image_paths(source: Any) -> Iterator[str]:
    """Image files that a source names, without reading any."""
    if isinstance(source, (str, os.PathLike)) and not is_video(str(source)):
        yield from _paths(str(source))
    elif isinstance(source, (list, tuple)):
        for each in source:
            with suppress(InputError):
                yield from image_paths(each)


def check_names(source: Any) -> None:
    """Outputs are named after the image; no two may overwrite another.

    Raises: InputError: If two files have the same name but for the ending.
    """
    paths = defaultdict(set)
    for path in image_paths(source):
        paths[Path(path).stem].add(path)
    for stem, same in paths.items():
        if len(same) > 1:
            raise InputError(
                f'{" and ".join(sorted(same))} would both be written to '
                f'{stem}.json; process them with different output folders')


def _items(source: Any, position: Iterator[int]) -> Iterator[Item]:
    """What reads each frame; ``position`` numbers those without a name."""
    if isinstance(source, (str, os.PathLike)):
        source = str(source)
        if is_video(source):
            yield from _video(source, Path(source).stem)
        else:
            for path in _paths(source):
                next(position)
                yield lambda path=path: _read_file(path)
    elif isinstance(source, (int, np.integer)):
        yield from _video(int(source), f'camera{source}')
    elif isinstance(source, np.ndarray) and source.ndim != 4 \
            or _is_pil(source):
        name = f'{next(position):08d}'
        yield lambda: _from_array(source, name)
    elif isinstance(source,
                    Iterable) and not isinstance(source, (dict, bytes)):
        for each in source:
            try:
                yield from _items(each, position)
            except InputError as error:  # costs the others nothing
                yield lambda each=each, error=error: _unread(
                    each, position, error)
    else:
        raise InputError(f'a {type(source).__name__} is no image: give a '
                         'path, an array, a PIL image or a list of them')


def _unread(source: Any, position: Iterator[int], error: InputError) -> Frame:
    name = f'{next(position):08d}'
    if isinstance(source, (str, os.PathLike)):
        return Frame(
            None, Path(source).stem or name, str(source), error=str(error))
    return Frame(None, name, error=str(error))


def is_video(source: str) -> bool:
    """Whether a path or an address is one of a video or a live stream."""
    scheme = source.partition('://')[0] if '://' in source else ''
    return scheme in LIVE_SCHEMES or source.lower().endswith(VIDEO_EXTENSIONS)


def _is_pil(source: Any) -> bool:
    return hasattr(source, 'getexif') and hasattr(source, 'convert')


def _paths(source: str) -> Iterator[str]:
    """Images that a path, a folder or a pattern means, in order."""
    if os.path.isdir(source):
        found = sorted(
            os.path.join(source, name) for name in os.listdir(source)
            if name.lower().endswith(IMG_EXTENSIONS))
        if not found:
            raise InputError(f'no images in {source}')
        yield from found
    elif '://' not in source and not os.path.exists(source) and glob.has_magic(
            source):
        found = sorted(glob.glob(source, recursive=True))
        if not found:
            raise InputError(f'no file matches {source}')
        yield from found
    else:
        yield source


def _read_file(path: str) -> Frame:
    name = Path(path).stem
    try:
        if not path:
            raise InputError('an empty path is no image')
        image = LoadHumanImage()(dict(img_path=path))['img']
        return Frame(image, name, path)
    except (InputError, ValueError, KeyError, ImportError) as error:
        return Frame(None, name, path, error=' '.join(str(error).split()))


def _from_array(source: Any, name: str) -> Frame:
    try:
        return Frame(as_bgr(source), name)
    except InputError as error:
        return Frame(None, name, error=f'input {name}: {error}')


def as_bgr(image: Any) -> np.ndarray:
    """Any image as (H, W, 3) uint8, BGR; alpha is dropped.

    Args:
        image: PIL image, which is turned as its EXIF says, or array: (H, W),
            (H, W, 1), BGR or BGRA; uint8, uint16, bool, or floats in [0, 1].

    Raises: InputError: If it is empty or nothing of these.
    """
    if _is_pil(image):
        from PIL import ImageOps
        if image.mode.startswith('I;16'):
            image = np.asarray(image)
        else:
            image = ImageOps.exif_transpose(image).convert('RGB')
            image = np.asarray(image)[..., ::-1]
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size:
        raise InputError(f'shape {image.shape} is no image: it must be (H, W),'
                         ' (H, W, 1), (H, W, 3) or (H, W, 4), and not empty')
    if image.dtype == np.uint16:
        image = image >> 8
    elif image.dtype == bool:
        image = image * np.uint8(255)
    elif image.dtype.kind == 'f':
        if not (image.min() >= 0 and image.max() <= 1):  # also refuses NaN
            raise InputError('floats must be from 0 to 1; turn others into '
                             'uint8')
        image = np.rint(image * 255)
    elif image.dtype != np.uint8:
        raise InputError(f'values of type {image.dtype} are no image; turn '
                         'them into uint8')
    image = image.astype(np.uint8)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _video(source: Any, name: str) -> Iterator[Item]:
    """Frames of a video file, a camera or a live stream."""
    where = f'camera {source}' if isinstance(source, int) else source
    if not isinstance(source, int) and '://' not in source \
            and not os.path.isfile(source):
        raise missing_file('video', source)
    capture = cv2.VideoCapture(source)
    try:
        if not capture.isOpened():
            raise InputError(
                f'{where} cannot be opened: it is absent, damaged, or in a '
                'format that this OpenCV does not decode')
        is_live = isinstance(source, int) or '://' in source
        rate = capture.get(cv2.CAP_PROP_FPS)
        expected = 0 if is_live else int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        index = 0
        while capture.grab():

            def read(index=index):
                grabbed, image = capture.retrieve()
                label = f'{name}_{index:06d}'
                path = None if isinstance(source, int) else source
                time = index / rate if rate > 0 else None
                if not grabbed:
                    return Frame(None, label, path, index, time,
                                 f'frame {index} of {where} is damaged')
                return Frame(
                    as_bgr(image), label, path, index, time, rate=rate or None)

            yield read
            index += 1
        if index == 0:
            raise InputError(f'{where} has no frames that can be read')
        if index < 0.95 * expected - 1:  # what containers say is rough
            message = (f'{where} is cut off: {index} of {expected} frames '
                       'can be read')
            yield lambda: Frame(
                None, f'{name}_{index:06d}', source, index, error=message)
    finally:
        capture.release()
