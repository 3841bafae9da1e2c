"""Write videos with identities: drawn people, or a camera that pans a photo.

Examples:
    python tools/dataset_converters/make_toy_videos.py data/toy_videos
    python tools/dataset_converters/make_toy_videos.py data/panned \
        --photos tests/data/coco_ccby/person_keypoints.json \
        --image-size 480 360 --pause 20

The layout is that of PoseTrack21; configs/tracking/ evaluates it. With photos
comes their annotation file with a made-up gender and age for each person
(``photos.json``), for a detector that learns the photos by heart.
"""
import argparse
from pathlib import Path

from mmhqnet.errors import InputError, one_line_errors


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Write videos with boxes, identities and more for every '
        'person of every frame.')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--num-videos', type=int, default=20, metavar='N',
                        help='clips of drawn people (default: %(default)s)')
    parser.add_argument('--num-frames', type=int, default=60, metavar='N',
                        help='frames of a clip (default: %(default)s)')
    parser.add_argument('--image-size', type=int, nargs=2, default=[192, 128],
                        metavar=('WIDTH', 'HEIGHT'),
                        help='in pixels (default: 192 128)')
    parser.add_argument('--max-persons', type=int, default=4, metavar='N',
                        help='people per clip: 2..N (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0,
                        help='same seed, same videos (default: %(default)s)')
    parser.add_argument('--photos', type=Path, metavar='ANN_FILE',
                        help='pan over the photos of this COCO file instead; '
                        'they lie in images/ beside it')
    parser.add_argument('--pause', type=int, default=0, metavar='N',
                        help='with --photos: black frames in the middle '
                        '(default: %(default)s)')
    return parser.parse_args(argv)


def check_options(args):
    """Raise :class:`InputError` for options that make no videos."""
    for name, minimum in (('num_videos', 1), ('num_frames', 1),
                          ('max_persons', 2), ('seed', 0), ('pause', 0)):
        if getattr(args, name) < minimum:
            raise InputError(f'--{name.replace("_", "-")} is '
                             f'{getattr(args, name)}: it must be at least '
                             f'{minimum}')
    if min(args.image_size) < 48:
        raise InputError(f'--image-size has {min(args.image_size)}: both '
                         'sides must be at least 48 pixels')
    if args.photos and not args.photos.is_file():
        raise InputError(f'--photos {args.photos} does not exist')


@one_line_errors
def main(argv=None):
    args = parse_args(argv)
    check_options(args)
    from mmhqnet.files import read_json, write_json
    from mmhqnet.toy.panned import make_up_attributes
    from mmhqnet.toy.videos import drawn_clips, panned_clips, write_videos
    if args.photos:
        clips = panned_clips(args.seed, args.photos,
                             args.photos.parent / 'images', args.image_size,
                             args.num_frames, args.pause)
    else:
        clips = drawn_clips(args.seed, args.num_videos, args.image_size,
                            args.num_frames, args.max_persons)
    total = write_videos(args.out, clips)
    if args.photos:
        write_json(args.out / 'photos.json',
                   make_up_attributes(read_json(args.photos), args.seed))
    print(f'{args.out}: {total} frames')


if __name__ == '__main__':
    main()
