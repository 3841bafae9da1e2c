"""Check an annotation file in COCO-UniHuman's or COCO's keypoint format.

Example:
    python tools/dataset_converters/check_annotations.py \\
        data/coco/annotations/coco_unihuman_train_v1.json

Goes through the file once and reports every kind of problem with its number
and the first ids. Exit status: 0 without problems, 1 with, 2 if the file
cannot be read.
"""
import argparse
import sys


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', help='annotation file')
    parser.add_argument(
        '--keypoints',
        default='coco',
        metavar='NAME',
        help="the data set's keypoints as mmpose names them, e.g. coco, "
        'crowdpose (default: %(default)s)')
    parser.add_argument(
        '--category',
        default='person',
        metavar='NAME',
        help='the category to look at (default: %(default)s)')
    parser.add_argument(
        '--person-fields',
        metavar='CONFIG',
        help='a config whose person_fields are looked at too')
    parser.add_argument(
        '--ids',
        type=int,
        default=5,
        metavar='N',
        help='ids to list for each kind of problem (default: %(default)s)')
    return parser.parse_args(argv)


def summarise(problems, num_ids):
    """A line for each kind of problem, in order of first appearance.

    Each names ``num_ids`` ids.
    """
    kinds = {}
    for problem in problems:
        kind = (problem.section, problem.field, problem.rule)
        kinds.setdefault(kind, []).append(problem)
    lines = []
    for (section, field, rule), cases in kinds.items():
        line = f"{len(cases):8d} x {section} '{field}' {rule}"
        if section != 'file':
            ids = [str(case.id) for case in cases[:num_ids]]
            more = ', ...' if len(cases) > num_ids else ''
            line += f'; ids {", ".join(ids)}{more}'
        if cases[0].found:
            line += f'; first found {cases[0].found}'
        lines.append(line)
    return lines


def count_labels(content, name, fields):
    """Count what is labelled in a file without problems.

    Numbers of images, annotations (under the ``name`` of the category),
    crowds and of each label; labels that not all files have only if there
    are any.
    """
    from mmhqnet.datasets.annotations.rules import EXTRA_FIELDS
    from mmhqnet.structures.person_fields import STANDARD
    categories = {
        category['id']
        for category in content['categories'] if category['name'] == name
    }
    annotations = [
        annotation for annotation in content['annotations']
        if annotation['category_id'] in categories
    ]
    counts = {
        'images': len(content['images']),
        f'{name}s': len(annotations),
        'crowds': sum(bool(a.get('iscrowd')) for a in annotations)
    }
    for field in fields.values():
        if field.kind in ('person', 'area'):
            continue
        labels = [field.judge(annotation) for annotation in annotations]
        number = sum(
            any(label[2::3]) if field.kind == 'points' else label is not None
            for label in labels)
        if number or field.name in STANDARD:
            counts['masks' if field.kind == 'mask' else field.key] = number
    for key, extra in EXTRA_FIELDS.items():
        number = sum(
            extra.is_given(a, key) and a[key] != [] for a in annotations)
        if number and key not in counts and key != 'valid':  # that is no label
            counts[key] = number
    return counts


def run(args):
    """Check the file and print the report; returns the exit status."""
    from mmhqnet.datasets.annotations.rules import EXTRA_FIELDS, find_problems
    from mmhqnet.files import read_json
    from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo
    from mmhqnet.structures.person_fields import fields_of_config

    fields = fields_of_config(args.person_fields,
                              load_keypoint_metainfo(args.keypoints))
    content = read_json(args.file)
    problems = list(
        find_problems(
            content, fields, EXTRA_FIELDS, [args.category], strict=True))
    if problems:
        lines = summarise(problems, args.ids)
        print(f'{args.file}: {len(problems)} problems of {len(lines)} kinds')
        print('\n'.join(lines))
        return 1
    print(f'{args.file}: no problems')
    for name, number in count_labels(content, args.category, fields).items():
        print(f'{number:8d} {name}')
    return 0


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    sys.exit(one_line_errors(run)(args))


if __name__ == '__main__':
    main()
