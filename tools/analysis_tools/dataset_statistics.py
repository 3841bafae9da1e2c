"""Plot who is in a COCO-UniHuman annotation file: genders and ages.

Example:
    python tools/analysis_tools/dataset_statistics.py \
        data/coco/annotations/coco_unihuman_val_v1.json --out statistics.png

The figure is of the kind of HQNet (arXiv 2312.05525), Figure A1: persons per
gender and a histogram of the ages. The numbers are printed as a table.
"""
import argparse
from collections import namedtuple

Person = namedtuple('Person', 'gender age')  # None if not labelled
GENDERS = ('male', 'female')
COLOURS = ('#4477aa', '#cc6677')


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', help='annotations in COCO-UniHuman format')
    parser.add_argument(
        '--out', required=True, help='figure to write, such as .png or .pdf')
    parser.add_argument(
        '--bin-width',
        type=int,
        default=5,
        metavar='YEARS',
        help='of the histogram and the table (default: 5)')
    return parser.parse_args(argv)


def run(args):
    """Read the file, print the table, write the figure."""
    from mmhqnet.errors import InputError
    if args.bin_width < 1:
        raise InputError(f'--bin-width {args.bin_width}: must be 1 or more')
    num_images, persons = read_persons(args.file)
    if not any(label is not None for person in persons for label in person):
        raise InputError(f'{args.file}: none of its {len(persons)} persons '
                         'has a gender or age label')
    print(format_table(num_images, persons, args.bin_width))
    figure = draw(persons, args.bin_width)
    try:
        figure.savefig(args.out, dpi=150, bbox_inches='tight')
    except (OSError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise InputError(f'--out {args.out}: {message}') from error
    print(f'wrote {args.out}')


def read_persons(path):
    """Number of images, and gender and age of every person of a file.

    None where not labelled. Crowds are left out.

    Raises:
        InputError: The file is malformed; names the annotation and field.
    """
    from mmhqnet.datasets.annotations.rules import find_problems
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json
    from mmhqnet.structures.person_fields import FIELDS
    content = read_json(path)
    for problem in find_problems(content):
        raise InputError(f'{path}: {problem}')
    categories = {
        category['id']
        for category in content['categories'] if category['name'] == 'person'
    }
    return len(content['images']), [
        Person(FIELDS['gender'].judge(annotation),
               FIELDS['age'].judge(annotation))
        for annotation in content['annotations']
        if annotation['category_id'] in categories
        and not annotation.get('iscrowd')
    ]


def bin_edges(persons, width):
    """Lower edges of the age bins and the upper edge of the last."""
    import numpy as np
    oldest = max((p.age for p in persons if p.age is not None), default=0)
    return np.arange(0, int(oldest) // width + 2) * width


def count_ages(persons, edges):
    """Histogram of the ages: of men, of women, of unknown gender."""
    import numpy as np
    return [
        np.histogram([
            p.age for p in persons if p.gender == gender and p.age is not None
        ], edges)[0] for gender in (0, 1, None)
    ]


def format_table(num_images, persons, width):
    """Lines to print: counts per gender and age bin of ``width`` years."""
    import numpy as np
    from terminaltables import AsciiTable
    genders = [p.gender for p in persons if p.gender is not None]
    ages = [p.age for p in persons if p.age is not None]

    def share(count, total):
        return f'{count} ({100 * count / total:.1f} %)' if total else '0'

    per_gender = [
        f'{name} {share(genders.count(i), len(genders))}'
        for i, name in enumerate(GENDERS)
    ]
    lines = [
        f'images {num_images}, persons {len(persons)}',
        f'gender labels {share(len(genders), len(persons))}: ' +
        ', '.join(per_gender), f'age labels {share(len(ages), len(persons))}' +
        (f': mean {np.mean(ages):.1f}, median {np.median(ages):g}'
         if ages else '')
    ]
    edges = bin_edges(persons, width)
    counts = count_ages(persons, edges)
    rows = [['age', *GENDERS, 'gender unknown', 'all']]
    for low, *row in zip(edges, *counts):
        age = f'{low}-{low + width - 1}' if width > 1 else str(low)
        rows.append([age, *map(str, row), str(sum(row))])
    return '\n'.join(lines + [AsciiTable(rows).table])


def draw(persons, width):
    """A figure: persons per gender, histogram of ages."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(10, 4), layout='constrained')
    left, right = figure.subplots(1, 2, width_ratios=[1, 3])

    totals = [sum(p.gender == gender for p in persons) for gender in (0, 1)]
    bars = left.bar(GENDERS, totals, color=COLOURS, width=0.6)
    left.bar_label(
        bars, [f'{n}\n{100 * n / max(sum(totals), 1):.1f} %' for n in totals],
        padding=2)
    left.margins(y=0.15)
    left.set_title('Gender', loc='left')
    left.set(ylabel='persons', ylim=(0, None))

    edges = bin_edges(persons, width)
    bottom = 0
    names, colours = (*GENDERS, 'unknown'), (*COLOURS, '#bbbbbb')
    stack = zip(count_ages(persons, edges), names, colours)
    for counts, name, colour in stack:
        if counts.any():
            right.bar(
                edges[:-1],
                counts,
                width,
                bottom,
                align='edge',
                color=colour,
                edgecolor='white',
                linewidth=0.5,
                label=name)
        bottom = bottom + counts
    if right.patches:
        # Above the bars: no corner is sure to be free of them.
        right.legend(
            loc='lower right',
            bbox_to_anchor=(1, 1),
            ncols=len(names),
            frameon=False)
    right.set_title('Age', loc='left')
    right.set(xlabel='years', ylabel='persons', xlim=(0, None))
    for axes in (left, right):
        axes.spines[['top', 'right']].set_visible(False)
        axes.yaxis.get_major_locator().set_params(integer=True)
    return figure


def main(argv=None):
    """Entry point."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
