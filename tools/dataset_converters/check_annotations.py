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
    """Read the command line.

    Args:
        argv (list[str], optional): Arguments; of the process by default.

    Returns:
        argparse.Namespace: The options.
    """
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
        '--ids',
        type=int,
        default=5,
        metavar='N',
        help='ids to list for each kind of problem (default: %(default)s)')
    return parser.parse_args(argv)


def summarise(problems, num_ids):
    """Count problems by kind.

    Args:
        problems (Iterable[Problem]): The problems in the order of the file.
        num_ids (int): How many ids to name for each kind.

    Returns:
        list[str]: A line for each kind, in order of first appearance.
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


def count_labels(content, name):
    """Count what is labelled in a file without problems.

    Args:
        content (dict): The file's content.
        name (str): The category to look at.

    Returns:
        dict: Numbers of images, annotations (under the name of the
        category), crowds and of each label, extra fields only if there are
        any.
    """
    from mmhqnet.datasets.annotations.rules import (EXTRA_FIELDS, UNLABELLED,
                                                    is_labelled)
    categories = {
        category['id']
        for category in content['categories'] if category['name'] == name
    }
    annotations = [
        annotation for annotation in content['annotations']
        if annotation['category_id'] in categories
    ]

    def labelled(field, flag):
        return sum(
            is_labelled(annotation, field, flag) and annotation[field] not in (
                *UNLABELLED, []) for annotation in annotations)

    counts = {
        'images': len(content['images']),
        f'{name}s': len(annotations)
    }
    counts.update(
        crowds=sum(bool(a.get('iscrowd')) for a in annotations),
        keypoints=sum(
            is_labelled(a, 'keypoints', 'keypoints_2d')
            and any(a['keypoints'][2::3]) for a in annotations),
        masks=labelled('segmentation', 'segmentation'),
        gender=labelled('gender', 'gender'),
        age=labelled('age', 'age'))
    for field, extra in EXTRA_FIELDS.items():
        number = labelled(field, extra.flag)
        if number and field != 'valid':  # that is no label
            counts[field] = number
    return counts


def run(args):
    """Check the file and print the report.

    Args:
        args (argparse.Namespace): The options.

    Returns:
        int: The exit status.

    Raises:
        InputError: If the file cannot be read or is not JSON.
    """
    from mmhqnet.datasets.annotations.rules import (EXTRA_FIELDS,
                                                    find_problems,
                                                    read_annotation_file)
    from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

    num_keypoints = load_keypoint_metainfo(args.keypoints)['num_keypoints']
    content = read_annotation_file(args.file)
    problems = list(
        find_problems(
            content,
            num_keypoints,
            EXTRA_FIELDS, [args.category],
            strict=True))
    if problems:
        lines = summarise(problems, args.ids)
        print(f'{args.file}: {len(problems)} problems of {len(lines)} kinds')
        print('\n'.join(lines))
        return 1
    print(f'{args.file}: no problems')
    for name, number in count_labels(content, args.category).items():
        print(f'{number:8d} {name}')
    return 0


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    sys.exit(one_line_errors(run)(args))


if __name__ == '__main__':
    main()
