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
        help='of a row in pixels, about (default: %(default)s)')
    parser.add_argument(
        '--width',
        type=int,
        default=1400,
        help='of the picture (default: %(default)s)')
    args = parser.parse_args(argv)
    if args.config and not args.checkpoint:
        parser.error('--config needs --checkpoint')
    return args


def in_rows(pictures, width, height, gap=6):
    """Put pictures of any shape into rows from edge to edge.

    As in photo galleries: a row is as high as fills the width, and takes as
    many pictures as bring this closest to the height asked for. The last row
    is no higher than that.

    Returns:
        np.ndarray: (H, width, 3), white where there is nothing.
    """
    import cv2
    import numpy as np

    def wide(picture):
        return picture.shape[1] / picture.shape[0]

    def height_of(row):
        space = width - gap * (len(row) + 1)
        return max(space / sum(map(wide, row)), 1)

    rows = [[]]
    for picture in pictures:
        longer = [*rows[-1], picture]
        # Closer by factors: one picture more lowers the row.
        if rows[-1] and height_of(rows[-1]) * height_of(longer) < height**2:
            rows.append([picture])
        else:
            rows[-1] = longer
    sheet = []
    for row in rows:
        high = height_of(row)
        if row is rows[-1]:
            high = min(high, height)
        line = np.full((gap + round(high), width, 3), 255, np.uint8)
        ends = np.rint(np.cumsum([high * wide(picture) for picture in row]))
        starts = [0, *ends[:-1]]
        for number, (picture, *edges) in enumerate(zip(row, starts, ends), 1):
            start, end = (int(edge) + gap * number for edge in edges)
            line[gap:, start:end] = cv2.resize(
                picture, (end - start, round(high)),
                interpolation=cv2.INTER_AREA)
        sheet.append(line)
    return np.pad(
        np.vstack(sheet), ((0, gap), (0, 0), (0, 0)), constant_values=255)


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
        # Large photos need not be kept.
        scale = min(2 * args.height / len(pair), 1)
        pairs.append(
            cv2.resize(
                pair, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        names.append(Path(persons.path).name)
    if args.attribution:
        print(caption(names, args.attribution))
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(args.out, in_rows(pairs, args.width, args.height))
    print(f'wrote {args.out}')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
