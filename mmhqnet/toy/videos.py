"""Writing videos with identities, in the layout of PoseTrack21."""
import json

import cv2
import numpy as np

from mmhqnet.datasets.annotations.mot_files import format_tracks
from mmhqnet.errors import InputError
from mmhqnet.files import whole_folder

from .clip import draw_clip
from .panned import pan_photo
from .scene import KEYPOINT_NAMES, SKELETON

ANNOTATIONS = 'annotations/toy_videos_val.json'


def drawn_clips(seed, num_clips, size, num_frames, max_persons):
    """Clips of drawn people; see :func:`draw_clip`.

    Args:
        seed (int): The same seed gives the same clips.
        num_clips (int): How many.
        size (Sequence[int]): (width, height) in pixels.
        num_frames (int): Length of each.
        max_persons (int): People in each, at least 2.

    Yields: Name and frames of a clip.
    """
    for index in range(num_clips):
        rng = np.random.default_rng([seed, index])
        yield f'{index:06d}_toy', draw_clip(rng, size[1], size[0], num_frames,
                                            max_persons)


def panned_clips(seed, ann_file, image_folder, size, num_frames, pause):
    """A clip of each photo of a COCO file; see :func:`pan_photo`.

    Raises: InputError: A photo cannot be read.
    """
    content = json.loads(ann_file.read_text())
    for index, image in enumerate(content['images']):
        path = image_folder / image['file_name']
        photo = cv2.imread(str(path))
        if photo is None:
            raise InputError(f'cannot read image {path}')
        persons = [
            annotation for annotation in content['annotations']
            if annotation['image_id'] == image['id']
        ]
        rng = np.random.default_rng([seed, index])
        yield f'{index:06d}_pan', pan_photo(rng, photo[..., ::-1], persons,
                                            size, num_frames, pause)


def write_videos(out, clips, report=print):
    """Write clips as a data set, or nothing.

    ``posetrack_mot/mot/val/<clip>`` holds boxes and identities for
    ``PoseTrack21Dataset``, ``annotations/toy_videos_val.json`` everything that
    is known of each person of each frame, in COCO-UniHuman's format with a
    ``track_id``. Crowds are regions to ignore.

    Args:
        out (Path): Folder; must not exist or be empty.
        clips (Iterable[tuple]): Names and frames, see :func:`drawn_clips`.
        report (Callable): Gets a line per clip.

    Returns: Number of frames.

    Raises: InputError: ``out`` holds something, or there are no clips.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f'{out} exists and is not an empty folder: name '
                         'another one')
    images, annotations = [], []
    with whole_folder(out) as folder:
        for name, frames in clips:
            first = len(images)
            _write_clip(folder, name, frames, images, annotations)
            report(f'{name}: {len(images) - first} frames')
        if not images:
            raise InputError('there are no clips to write')
        category = dict(
            id=1, name='person', keypoints=list(KEYPOINT_NAMES),
            skeleton=[list(bone) for bone in SKELETON])
        path = folder / ANNOTATIONS
        path.parent.mkdir()
        path.write_text(
            json.dumps(
                dict(images=images, annotations=annotations,
                     categories=[category])))
    return len(images)


def _write_clip(folder, name, frames, images, annotations):
    """Write the files of a clip, and add its entries to the lists."""
    pictures = folder / 'images/val' / name
    mot = folder / 'posetrack_mot/mot/val' / name
    pictures.mkdir(parents=True)
    (mot / 'gt').mkdir(parents=True)
    infos, tracks = [], []
    for number, (picture, persons) in enumerate(frames):
        path = pictures / f'{number:06d}.jpg'
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        if not cv2.imwrite(str(path), picture[..., ::-1], quality):
            raise InputError(f'cannot write {path}')
        image_id = len(images) + 1
        file_name = path.relative_to(folder).as_posix()
        crowds = [person['bbox'] for person in persons if person['iscrowd']]
        tracked = [person for person in persons if not person['iscrowd']]
        infos.append(
            dict(file_name=file_name, id=image_id, frame_index=number + 1,
                 ignore_regions_x=[[x, x + w, x + w, x]
                                   for x, _, w, _ in crowds],
                 ignore_regions_y=[[y, y, y + h, y + h]
                                   for _, y, _, h in crowds]))
        images.append(
            dict(id=image_id, file_name=file_name, video=name,
                 frame_id=number, height=picture.shape[0],
                 width=picture.shape[1]))
        for person in persons:
            annotations.append(
                dict(person, id=len(annotations) + 1, image_id=image_id))
        tracks.append(
            (np.array([person['track_id'] for person in tracked], int),
             np.array([person['bbox'] for person in tracked],
                      float).reshape(-1, 4)))
    (mot / 'image_info.json').write_text(json.dumps(infos))
    (mot / 'gt/gt.txt').write_text(format_tracks(tracks))
