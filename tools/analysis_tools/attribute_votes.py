"""Turn the votes of several annotators into gender and age labels.

Example:
    python tools/analysis_tools/attribute_votes.py votes.csv --out labels.csv

votes.csv has a header and a row per annotator and person:
    annotation_id,annotator,gender,age_group,age
    425226,mia,female,adult,31

Gender and age group become the most frequent vote, the apparent age the mean
of the votes without outliers. Age-n consistency is the share of votes within
n years of that mean (the paper's equation 1). The exact rules are in
mmhqnet/datasets/annotations/votes.py.
"""
import argparse
import csv
import json
import os


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('votes', help='CSV file of votes')
    parser.add_argument(
        '--out', required=True, help='labels to write, .csv or .json')
    parser.add_argument(
        '--age-groups',
        nargs='+',
        metavar='NAME',
        help='names of the age groups in votes.csv, the youngest first; '
        'without, the groups are numbers from 0')
    parser.add_argument(
        '--consistency',
        nargs='+',
        type=float,
        default=[5, 10],
        metavar='N',
        help='tolerances of Age-n consistency in years (default: 5 10)')
    parser.add_argument(
        '--max-age',
        type=int,
        default=85,
        help='highest age label (default: 85, as in COCO-UniHuman)')
    return parser.parse_args(argv)


def run(args):
    """Read the votes, write the labels, print what they are like."""
    from mmhqnet.datasets.annotations.votes import label_person, read_votes
    from mmhqnet.errors import InputError
    if os.path.splitext(args.out)[1] not in ('.csv', '.json'):
        raise InputError(f'--out {args.out}: must end in .csv or .json')
    persons = read_votes(args.votes, args.age_groups)
    labels = {i: label_person(v, args.max_age) for i, v in persons.items()}
    print(report(persons, labels, args.consistency))

    rows = [dict(annotation_id=i, **label) for i, label in labels.items()]
    for row in rows:
        if args.age_groups and row['age_group'] is not None:
            row['age_group'] = args.age_groups[row['age_group']]
    try:
        write_labels(args.out, rows)
    except OSError as error:
        raise InputError(
            f'{args.out}: cannot write ({error.strerror})') from error
    print(f'wrote {len(rows)} persons to {args.out}')


def report(persons, labels, tolerances):
    """Say how many labels there are and how much the annotators agree.

    Args:
        persons (dict[int, dict]): Votes, as ``read_votes`` returns them.
        labels (dict[int, dict]): Labels, as ``label_person`` returns them.
        tolerances (list[float]): The n of Age-n consistency, in years.

    Returns:
        str: Lines to print.
    """
    from mmhqnet.datasets.annotations.votes import VOTES, age_consistency
    lines = []
    for attribute in VOTES:
        voted = [i for i in persons if persons[i][attribute]]
        num_votes = sum(len(persons[i][attribute]) for i in voted)
        undecided = sum(labels[i][attribute] is None for i in voted)
        lines.append(f'{attribute:10}{len(voted) - undecided:8} labels from '
                     f'{num_votes} votes' +
                     (f', {undecided} undecided' if undecided else ''))
    outliers = sum(label['age_outliers'] for label in labels.values())
    lines[-1] += f', {outliers} outliers removed'

    ages = [list(person['age'].values()) for person in persons.values()]
    for n in tolerances:
        share = 100 * age_consistency(ages, n)
        lines.append(f'Age-{n:g} consistency: {share:.1f} %')
    return '\n'.join(lines)


def write_labels(path, rows):
    """Write all the rows, which have the same keys, or nothing.

    Empty cells and ``null`` mean no label.
    """
    from mmhqnet.files import replacing
    with replacing(path) as unfinished, open(
            unfinished, 'w', newline='', encoding='utf-8') as file:
        if path.endswith('.json'):
            json.dump(rows, file, indent=1)
        else:
            columns = list(rows[0]) if rows else ['annotation_id']
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def main(argv=None):
    """Entry point."""
    args = parse_args(argv)
    # Only now: the package imports torch, and --help shall be quick.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
