"""Show photos side by side with what a model finds in them.

Example, the picture at the top of the README:
    python tools/photo_sheet.py tests/data/coco_ccby/images/*0785.jpg \\
        --out docs/images/photos.jpg --attribution \\
        tests/data/coco_ccby/ATTRIBUTION.tsv

With ``--attribution`` it prints a line of Markdown that names the photos.
"""
import argparse
import csv
import sys
from pathlib import Path


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Draw photos side by side with what a model finds.')
    parser.add_argument('photos', nargs='+', help='files and folders')
    parser.add_argument('--out', required=True, help='picture to write')
    parser.add_argument('--config', help='default: the one in the checkpoint')
    parser.add_argument(
        '--checkpoint',
        help='checkpoint file (default: the model that comes with mmhqnet)')
    parser.add_argument(
        '--attribution',
        type=Path,
        metavar='FILE.tsv',
        help='table with columns file, licence, licence_url, flickr_photo_id')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='persons must score more (default: %(default)s)')
    parser.add_argument(
        '--height',
        type=int,
        default=240,
        help='of each photo in pixels (default: %(default)s)')
    parser.add_argument(
        '--width',
        type=int,
        default=1400,
        help='of the picture at most (default: %(default)s)')
    args = parser.parse_args(argv)
    if args.config and not args.checkpoint:
        parser.error('--config needs --checkpoint')
    return args


def in_rows(pairs, width, gap=6):
    """Put pictures of one height into rows of at most a width.

    A picture that is wider than that has a row to itself.

    Returns:
        np.ndarray: (H, W, 3), white where there is nothing.
    """
    import numpy as np
    rows = []
    for pair in pairs:
        pair = np.pad(pair, ((gap, 0), (gap, 0), (0, 0)), constant_values=255)
        if rows and rows[-1].shape[1] + pair.shape[1] + gap <= width:
            rows[-1] = np.hstack([rows[-1], pair])
        else:
            rows.append(pair)
    widest = max(row.shape[1] for row in rows)
    return np.pad(
        np.vstack([
            np.pad(
                row, ((0, 0), (0, widest - row.shape[1]), (0, 0)),
                constant_values=255) for row in rows
        ]), ((0, gap), (0, gap), (0, 0)),
        constant_values=255)


def caption(names, table):
    """A line of Markdown with the source and the licence of each photo.

    Raises:
        InputError: If a photo is not in the table.
    """
    from mmhqnet.errors import InputError
    with open(table, newline='') as file:
        rows = {
            row['file']: row
            for row in csv.DictReader(file, delimiter='\t')
        }
    missing = [name for name in names if name not in rows]
    if missing:
        raise InputError(f'{table} does not say whose photo {missing[0]} is')
    licences = {rows[name]['licence_url'] for name in names}
    photos = ', '.join(f'[{number}](https://www.flickr.com/photo.gne?id='
                       f'{rows[name]["flickr_photo_id"]})'
                       for number, name in enumerate(names, 1))
    return f'Photos from Flickr: {photos}; licence: {", ".join(licences)}'


def run(args):
    """Draw the sheet and print the caption."""
    import cv2
    import numpy as np

    from mmhqnet.apis import HQNetInferencer
    inferencer = HQNetInferencer(
        args.config, args.checkpoint, show_progress=False)
    pairs, names = [], []
    for persons in inferencer.predict(args.photos, score_thr=args.score_thr):
        if persons.error:
            print(f'error: {persons.error}', file=sys.stderr)
            continue
        # Small photos are drawn enlarged.
        drawn = cv2.resize(persons.plot(), persons.image.shape[1::-1])
        pair = np.hstack([persons.image, drawn])
        scale = args.height / len(pair)
        pairs.append(
            cv2.resize(
                pair, (round(pair.shape[1] * scale), args.height),
                interpolation=cv2.INTER_AREA))
        names.append(Path(persons.path).name)
    if args.attribution:
        print(caption(names, args.attribution))
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(args.out, in_rows(pairs, args.width))
    print(f'wrote {args.out}')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
