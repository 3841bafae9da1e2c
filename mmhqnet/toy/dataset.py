"""Writing Toy UniHuman: drawn people with exact COCO-UniHuman annotations."""
import functools
import json
import signal
from multiprocessing import Pool

import cv2
import numpy as np

from mmhqnet.errors import InputError
from mmhqnet.files import whole_folder

from .scene import KEYPOINT_NAMES, SKELETON, draw_scene

SPLITS = ('train', 'val')
OPTIONS_FILE = 'toy_unihuman.json'
VERSION = 4  # of the drawing: another version is another data set
MIN_SIZE, MAX_SIZE, MAX_PERSONS = 48, 4096, 12
VAL_IDS = 1_000_000  # ids of the validation split begin above
OWN_ENTRIES = {'images', 'annotations', OPTIONS_FILE}


def check_options(args):
    """Raise :class:`InputError` for options that make no data set."""
    for name in ('num_train', 'num_val', 'seed'):
        if getattr(args, name) < 0:
            raise InputError(f'--{name.replace("_", "-")} is '
                             f'{getattr(args, name)}: it must not be negative')
    if max(args.num_train, args.num_val) >= VAL_IDS:
        raise InputError(f'--num-train and --num-val must be below {VAL_IDS}')
    if not 1 <= args.max_persons <= MAX_PERSONS:
        raise InputError(f'--max-persons is {args.max_persons}: it must be '
                         f'in 1..{MAX_PERSONS}')
    for side in args.image_size:
        if not MIN_SIZE <= side <= MAX_SIZE:
            raise InputError(f'--image-size has {side}: both sides must be in '
                             f'{MIN_SIZE}..{MAX_SIZE} pixels')
    for name in ('crowded', 'unlabelled'):
        if not 0 <= getattr(args, name) <= 1:
            raise InputError(f'--{name} is {getattr(args, name)}: it must be '
                             'a fraction in 0..1')


def options_of(args):
    """Everything the written bytes depend on, as plain JSON values."""
    return dict(
        version=VERSION,
        num_train=args.num_train,
        num_val=args.num_val,
        image_size=list(args.image_size),
        max_persons=args.max_persons,
        crowded=args.crowded,
        seed=args.seed,
        unlabelled=args.unlabelled)


def is_complete(out, options):
    """Whether ``out`` holds the whole data set made with ``options``."""
    try:
        if json.loads((out / OPTIONS_FILE).read_text()) != options:
            return False
        return all(
            len(list((out / 'images' / split).glob('*.jpg'))) ==
            options[f'num_{split}'] and annotation_file(out, split).is_file()
            for split in SPLITS)
    except (OSError, ValueError):
        return False


def check_replaceable(out):
    """Raise :class:`InputError` if ``out`` holds anything not written here."""
    if out.exists() and not out.is_dir():
        raise InputError(f'{out} is a file: name a folder to write')
    found = {path.name for path in out.iterdir()} if out.exists() else set()
    if found and not (OPTIONS_FILE in found and found <= OWN_ENTRIES):
        raise InputError(f'{out} is not empty and holds other things than a '
                         'toy data set: name another folder or empty it')


def annotation_file(out, split):
    """Path of the annotations of a split."""
    return out / 'annotations' / f'toy_unihuman_{split}.json'


def drop_attributes(annotation, rng, fraction):
    """Forget gender and age, each with a probability, as in real labels.

    Args:
        annotation (dict): Changed in place: the key goes, ``valid`` says 0.
        rng (np.random.Generator): Source of all chance.
        fraction (float): Probability, the same for both.
    """
    for name in ('gender', 'age'):
        if rng.random() < fraction:
            del annotation[name]
            annotation['valid'][name] = 0


def draw_image(folder, split, options, first_id, index):
    """Draw an image and write it.

    Returns:
        tuple[dict, list[dict]]: The image, and its annotations without ids.
    """
    # one stream per image: its content does not depend on the others
    seed = [options['seed'], SPLITS.index(split), index]
    width, height = options['image_size']
    most = options['max_persons']
    crowded = split == 'train' and np.random.default_rng(
        seed + [2]).random() < options['crowded']
    picture, people = draw_scene(
        np.random.default_rng(seed), height, width, most,
        most if crowded else 1)
    image = dict(
        id=first_id + index + 1,
        width=width,
        height=height,
        file_name=f'{first_id + index + 1:07d}.jpg')
    path = folder / image['file_name']
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    if not cv2.imwrite(str(path), picture[..., ::-1], quality):
        raise OSError(f'cannot write {path}')
    forget = np.random.default_rng(seed + [1])
    if split == 'train':
        for person in people:
            drop_attributes(person, forget, options['unlabelled'])
    return image, people


def map_on_all_cores(function, items):
    """Yield the results in order; a few items do not pay for processes."""
    if len(items) < 100:
        yield from map(function, items)
    else:
        # A terminal interrupts all processes; the parent ends the others.
        with Pool(
                initializer=signal.signal,
                initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
            yield from pool.imap(function, items, chunksize=16)


def write_split(out, split, options, report=print):
    """Draw and write the images and the annotations of a split.

    Args:
        out (Path): Folder of the data set.
        split (str): ``train`` or ``val``; ``val`` is always fully labelled.
        options (dict): See :func:`options_of`.
        report (Callable): Gets a line now and then. Defaults to ``print``.
    """
    folder = out / 'images' / split
    folder.mkdir(parents=True)
    annotation_file(out, split).parent.mkdir(exist_ok=True)
    first_id = VAL_IDS if split == 'val' else 0
    total = options[f'num_{split}']
    images, annotations = [], []
    draw = functools.partial(draw_image, folder, split, options, first_id)
    for image, people in map_on_all_cores(draw, range(total)):
        images.append(image)
        for person in people:
            annotations.append(
                dict(
                    id=first_id + len(annotations) + 1,
                    image_id=image['id'],
                    **person))
        if len(images) % 200 == 0 or len(images) == total:
            report(f'{split}: {len(images)}/{total} images')
    content = dict(
        info=dict(
            description='Toy UniHuman: drawn people, in COCO-UniHuman '
            'format',
            version=str(VERSION),
            options=options),
        licenses=[],
        images=images,
        annotations=annotations,
        categories=[
            dict(
                id=1,
                name='person',
                supercategory='person',
                keypoints=list(KEYPOINT_NAMES),
                skeleton=[list(bone) for bone in SKELETON])
        ])
    annotation_file(out, split).write_text(json.dumps(content))


def make_data_set(out, options, report=print):
    """Write the whole data set, or nothing.

    Args:
        out (Path): Folder; what an earlier call wrote there is replaced.
        options (dict): See :func:`options_of`.
        report (Callable): Gets lines of progress. Defaults to ``print``.

    Raises: InputError: If ``out`` holds something else.
    """
    check_replaceable(out)
    with whole_folder(out) as partial:
        for split in SPLITS:
            write_split(partial, split, options, report)
        (partial / OPTIONS_FILE).write_text(json.dumps(options))
