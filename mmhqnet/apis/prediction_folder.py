"""Results written one by one: nothing that is done is lost or done again."""
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import cv2
import numpy as np

from mmhqnet.errors import InputError
from mmhqnet.files import replacing
from mmhqnet.visualization import Trails

from .results import Persons
from .sources import check_names, check_range, image_paths, is_video

LINES = 'persons.jsonl'


class PredictionFolder:
    """``persons.jsonl``, ``pictures/NAME.jpg`` and ``NAME.mp4`` of videos.

    The file gets a line per image as soon as it is done.

    Args:
        folder: Made if it is not there.
        resume: Keep what an earlier run did; otherwise it must not
            have done anything here.

    Raises: InputError: If it holds results and ``resume`` is not set.
    """

    def __init__(self, folder: str, resume: bool = False) -> None:
        self.folder = Path(folder)
        self._lines = self.folder / LINES
        if self._lines.exists() and not resume:
            raise InputError(f'{self._lines} exists: go on with --resume, or '
                             'name another folder')
        self._videos: Dict[str, cv2.VideoWriter] = {}
        done = self._whole_lines()
        self._done = {line['image']['path'] for line in done}
        self._next = {}  # frame of each video
        for line in done:
            path, frame = line['image']['path'], line['image'].get('frame')
            if frame is not None:
                self._next[path] = max(frame + 1, self._next.get(path, 0))
        with replacing(self._lines) as unfinished:
            unfinished.write_text(''.join(f'{json.dumps(line)}\n'
                                          for line in done))
        self._file = open(self._lines, 'a', encoding='utf-8')

    def _whole_lines(self) -> List[dict]:
        """Lines of an earlier run without errors and what was cut off."""
        lines = []
        if self._lines.exists():
            for text in self._lines.read_text(encoding='utf-8').splitlines():
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if 'error' not in line:
                    lines.append(line)
        return lines

    def remaining(self, sources: List[Any], start: int,
                  every: int) -> Iterator[Tuple[Any, int]]:
        """What is left to do: sources, and the frame where to begin.

        Images of all sources are one list, each video is on its own.
        """
        images = []
        for source in sources:
            if isinstance(source, str) and not is_video(source):
                images += [
                    path for path in image_paths(source)
                    if path not in self._done
                ]
        if images:
            yield images, 0
        for source in sources:
            if not isinstance(source, str) or is_video(source):
                behind = max(0, self._next.get(source, 0) - start)
                yield source, start + -(-behind // every) * every

    def write(self, persons: Persons, picture: Optional[np.ndarray],
              rate: float) -> None:
        """Write what was found in an image.

        Args:
            persons: The line.
            picture: (H, W, 3) BGR.
            rate: Frames per second of a new video.
        """
        if picture is not None:
            self._write_picture(persons, picture, rate)
        self._file.write(f'{persons.to_json()}\n')
        self._file.flush()

    def _write_picture(self, persons: Persons, picture: np.ndarray,
                       rate: float) -> None:
        if persons.index is None:
            path = self.folder / 'pictures' / f'{persons.name}.jpg'
            path.parent.mkdir(exist_ok=True)
            if not cv2.imwrite(str(path), picture):
                raise InputError(f'cannot write {path}')
            return
        name = persons.name.rpartition('_')[0]
        if name not in self._videos:
            # After a resumed run the rest has a file of its own.
            path = self.folder / f'{name}.mp4'
            if path.exists():
                path = self.folder / f'{persons.name}.mp4'
            size = picture.shape[1::-1]
            writer = cv2.VideoWriter(
                str(path), cv2.VideoWriter_fourcc(*'mp4v'), rate, size)
            if not writer.isOpened():
                raise InputError(f'this OpenCV cannot write {path}; use '
                                 '--no-pictures')
            self._videos[name] = writer
        self._videos[name].write(picture)

    def close(self) -> None:
        """Finish the videos."""
        self._file.close()
        for writer in self._videos.values():
            writer.release()

    def __enter__(self) -> 'PredictionFolder':
        return self

    def __exit__(self, *_) -> None:
        self.close()
        if not os.path.getsize(self._lines):
            self._lines.unlink()


def predict_to_folder(inferencer,
                      sources: List[Any],
                      out: Optional[str],
                      resume: bool = False,
                      pictures: bool = True,
                      blur: Optional[str] = None,
                      trail: int = 30,
                      every: int = 1,
                      start: int = 0,
                      stop: Optional[int] = None,
                      **kwargs) -> Iterator[Persons]:
    """Write what is found in some sources; yield it as well.

    ``every``, ``start`` and ``stop`` are for videos and streams.

    Args:
        sources: Paths, patterns, addresses, numbers of cameras.
        out: See :class:`PredictionFolder`; None writes nothing.
        resume: Skip what is done in ``out``.
        pictures: Whether to draw.
        blur: ``face`` or ``person``.
        trail: Frames that the drawn trail of a tracked person lasts, 0 for
            none.
        **kwargs: Of :meth:`HQNetInferencer.stream`.

    Raises: InputError: If an option or a source is at fault.
    """
    check_range(every, start, stop)
    if trail < 0:
        raise InputError(f'trail={trail}: it must not be negative; 0 draws '
                         'none')
    if out is None:
        for source in sources:
            yield from inferencer.stream(
                source, every=every, start=start, stop=stop, **kwargs)
        return
    if pictures:
        check_names(sources)
    with PredictionFolder(out, resume) as folder:
        for source, begin in folder.remaining(sources, start, every):
            frames = {} if isinstance(source, list) else dict(
                every=every, start=begin, stop=stop)
            trails = Trails(trail)
            for persons in inferencer.stream(source, **frames, **kwargs):
                picture = None
                if pictures and not persons.error:
                    ways = None
                    if trail and 'instances_id' in persons.columns:
                        ways = trails(persons.columns['instances_id'],
                                      persons.columns['bboxes'])
                    picture = persons.plot(blur=blur, trails=ways)
                folder.write(persons, picture, (persons.rate or 25) / every)
                yield persons
