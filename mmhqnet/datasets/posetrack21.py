"""PoseTrack21's multi-object tracking files as an mmdet data set."""
import json
import os.path as osp
from typing import List, Tuple

import numpy as np
from mmdet.datasets.base_video_dataset import BaseVideoDataset
from mmengine import fileio
from PIL import Image

from mmhqnet.errors import InputError
from mmhqnet.registry import DATASETS

from .annotations.mot_files import Frame, parse_tracks, read_text

PERSON = 1  # category id


@DATASETS.register_module()
class PoseTrack21Dataset(BaseVideoDataset):
    """The MOT part of PoseTrack21: persons with a box and an identity.

    ``ann_file`` is the folder of a split. Each sequence is a folder in it::

        <ann_file>/<sequence>/image_info.json
        <ann_file>/<sequence>/gt/gt.txt

    ``image_info.json`` lists the frames in order; ``file_name`` is relative
    to ``data_prefix['img_path']``. ``gt.txt`` has the columns of MOT17:
    frame, id, left, top, width, height, confidence and three unused ones.

    Each frame carries, beside the usual keys, ``video_name`` (the name of the
    sequence's folder) and ``ignore_regions`` (polygons (k, 2) in pixels).
    ``frame_id`` counts from 0, while the files count from 1. Boxes stay as
    they are in the file: not clipped, not truncated to integers. A training
    set (``test_mode=False``) drops persons outside the image and boxes
    smaller than one pixel; a test set keeps all, as they count in MOTA.

    Raises: InputError: A file is missing or malformed.
    """

    METAINFO = dict(classes=('person', ), palette=[(220, 20, 60)])

    def load_data_list(self) -> List[dict]:
        """Read all sequences below ``ann_file``.

        Each has ``video_id``, ``video_name``, ``video_length``, ``images``.
        """
        names = list_sequences(self.ann_file, self.backend_args)
        # What the parent's `filter_data` looks at.
        self.cat_ids = [PERSON]
        self.cat2label = {PERSON: 0}
        videos = [
            self._load_video(video_id, name)
            for video_id, name in enumerate(names, 1)
        ]
        self.img_ids_with_ann = {
            frame['img_id']
            for video in videos
            for frame in video['images'] if frame['instances']
        }
        self.cat_img_map = {PERSON: self.img_ids_with_ann}
        return videos

    def _load_video(self, video_id: int, name: str) -> dict:
        folder = osp.join(self.ann_file, name)
        frames, tracks = load_sequence(folder, self.backend_args)
        # The frames of a video have one size, which no file states.
        width, height = self._image_size(frames[0]['file_name'])
        images = [
            self.parse_data_info(
                dict(
                    raw_img_info=dict(
                        frame,
                        frame_id=index,
                        video_name=name,
                        width=width,
                        height=height),
                    raw_ann_info=list(zip(ids, boxes))))
            for index, (frame, (ids, boxes)) in enumerate(zip(frames, tracks))
        ]
        return dict(
            video_id=video_id,
            video_name=name,
            video_length=len(images),
            images=images)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Turn a frame and its boxes into mmdet's format.

        Args:
            raw_data_info: ``raw_img_info``, the frame's fields, and
                ``raw_ann_info``, a list of (id, (x, y, w, h)).

        Returns: The frame's fields, ``img_path`` and ``instances``.
        """
        frame = dict(raw_data_info['raw_img_info'])
        frame['img_path'] = self._image_path(frame['file_name'])
        frame['instances'] = [
            dict(
                bbox=[float(v) for v in (x, y, x + w, y + h)],
                bbox_label=self.cat2label[PERSON],
                category_id=PERSON,
                ignore_flag=0,
                instance_id=int(instance_id))
            for instance_id, (x, y, w, h) in raw_data_info['raw_ann_info']
            if self.test_mode or _is_visible(x, y, w, h, frame)
        ]
        return frame

    def _image_path(self, file_name: str) -> str:
        return osp.join(self.data_prefix.get('img_path', ''), file_name)

    def _image_size(self, file_name: str) -> Tuple[int, int]:
        path = self._image_path(file_name)
        try:
            with fileio.get_local_path(
                    path, backend_args=self.backend_args) as local_path:
                with Image.open(local_path) as image:
                    return image.size
        except OSError as error:
            raise InputError(
                f'{path}: cannot read this image ({error}); check data_root '
                "and data_prefix['img_path']") from error


def _is_visible(x: float, y: float, w: float, h: float, frame: dict) -> bool:
    """Whether a pixel or more of a box can lie in the image."""
    return (min(w, h) >= 1 and x < frame['width'] and y < frame['height']
            and x + w > 0 and y + h > 0)


def list_sequences(folder: str, backend_args=None) -> List[str]:
    """Names of the PoseTrack21 sequences in a split's folder, sorted.

    Raises: InputError: There is no such folder, or no sequence in it.
    """
    if not fileio.isdir(folder, backend_args=backend_args):
        raise InputError(f'{folder}: no such folder; expected the folder that '
                         'holds one folder per PoseTrack21 sequence')
    names = sorted(
        name for name in fileio.list_dir_or_file(
            folder, list_file=False, backend_args=backend_args)
        if fileio.exists(
            osp.join(folder, name, 'image_info.json'),
            backend_args=backend_args))
    if not names:
        raise InputError(f'{folder}: no <sequence>/image_info.json inside')
    return names


def load_sequence(folder: str,
                  backend_args=None) -> Tuple[List[dict], List[Frame]]:
    """Read ``image_info.json`` and ``gt/gt.txt`` of a sequence's folder.

    Returns: See :func:`parse_image_info` and :func:`parse_tracks`.
    """
    info_path = osp.join(folder, 'image_info.json')
    frames = parse_image_info(read_text(info_path, backend_args), info_path)
    gt_path = osp.join(folder, 'gt', 'gt.txt')
    return frames, parse_tracks(
        read_text(gt_path, backend_args), gt_path, len(frames))


def parse_image_info(text: str, path: str) -> List[dict]:
    """Read the frames of a PoseTrack21 ``image_info.json``.

    Args:
        text: Content of the file.
        path: Its name, for error messages.

    Returns: ``file_name``, ``img_id``, ``ignore_regions``, (k, 2) in pixels.
    Raises: InputError: The content is malformed.
    """
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f'{path}, line {error.lineno}: not JSON ({error.msg})') from error
    if not isinstance(entries, list) or not entries:
        raise InputError(f'{path}: must be a list of frames, not empty')

    frames = []
    for number, entry in enumerate(entries, 1):
        where = f'{path}, frame {number}'
        if not isinstance(entry, dict):
            raise InputError(f'{where}: must be an object')
        if not isinstance(entry.get('file_name'), str):
            raise InputError(f"{where}: 'file_name' must be a string")
        if not isinstance(entry.get('id'), int):
            raise InputError(f"{where}: 'id' must be an integer")
        if entry.get('frame_index') != number:
            raise InputError(
                f"{where}: 'frame_index' is {entry.get('frame_index')!r}; "
                'frames must be in order, counted from 1 without gaps')
        frames.append(
            dict(
                file_name=entry['file_name'],
                img_id=entry['id'],
                ignore_regions=_parse_ignore_regions(entry, where)))
    return frames


def _parse_ignore_regions(entry: dict, where: str) -> List[np.ndarray]:
    """Join the x and y lists of a frame to polygons; leave out empty ones."""
    axes = []
    for key in ('ignore_regions_x', 'ignore_regions_y'):
        values = entry.get(key, [])
        if not isinstance(values, list):
            raise InputError(f"{where}: '{key}' must be a list")
        # A single polygon may lie in the file without its outer list.
        nested = any(isinstance(value, list) for value in values)
        axes.append(values if nested else [values])
    try:
        polygons = [
            np.array(xy, float).T for xy in zip(*axes, strict=True) if any(xy)
        ]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{where}: 'ignore_regions_x' and 'ignore_regions_y' must be "
            'lists of numbers, equally long') from error
    for polygon in polygons:
        is_area = polygon.ndim == 2 and len(polygon) >= 3
        if not (is_area and np.isfinite(polygon).all()):
            raise InputError(f"{where}: a polygon of 'ignore_regions_x' needs "
                             'three or more finite points')
    return polygons
