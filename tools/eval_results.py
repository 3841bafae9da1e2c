"""Evaluate COCO result files: box, mask, pose, gender, age and face AP.

The files are those that ``UniHumanMetric`` writes with ``outfile_prefix``, or
any others in COCO's result format; gender and age need a file whose results
have ``bbox``, ``score``, ``gender`` and ``age``.

Example:
    python tools/eval_results.py val.json --results work_dirs/results \\
        --protocol official ignore_unlabelled --json ap.json
"""
import argparse


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Evaluate COCO result files of persons: box, mask, pose, '
        'gender and age AP.')
    parser.add_argument('ground_truth', help='annotation file in COCO format')
    parser.add_argument(
        '--results',
        nargs='+',
        required=True,
        metavar='FILE',
        help='result files, or the PREFIX of PREFIX.bbox.json, '
        'PREFIX.segm.json, PREFIX.keypoints.json, PREFIX.attributes.json')
    parser.add_argument(
        '--metric',
        nargs='+',
        metavar='NAME',
        help='any of box mask pose gender age face, and of --person-fields '
        '(default: all that the files have)')
    parser.add_argument(
        '--person-fields',
        metavar='CONFIG',
        help='a config whose person_fields are evaluated too')
    parser.add_argument(
        '--protocol',
        nargs='+',
        default=['official'],
        metavar='NAME',
        help='what gender and age AP do with persons without label: official '
        '(false positives, as in the paper) or ignore_unlabelled, or both '
        '(default: official)')
    parser.add_argument(
        '--age-error',
        nargs='+',
        type=float,
        metavar='N',
        help='N of Age-N AP, in years (default: 10)')
    parser.add_argument(
        '--standard-only',
        action='store_true',
        help='leave out AP without small persons')
    parser.add_argument(
        '--category', default='person', help='category (default: person)')
    parser.add_argument(
        '--keypoints',
        default='coco',
        metavar='NAME',
        help="which keypoints, in mmpose's words (default: coco)")
    parser.add_argument(
        '--backend',
        default='pycocotools',
        metavar='NAME',
        help='pycocotools, faster_coco_eval or hotcoco '
        '(default: pycocotools)')
    parser.add_argument(
        '--crowding-bounds',
        nargs=2,
        type=float,
        default=[.1, .8],
        metavar=('MEDIUM', 'HARD'),
        help='where medium and hard images of CrowdPose begin (default: 0.1 '
        '0.8)')
    parser.add_argument('--json', metavar='OUT', help='write the values here')
    return parser.parse_args(argv)


def run(args):
    """Evaluate and print a table."""
    import json

    from mmhqnet.errors import InputError
    from mmhqnet.evaluation import (GroundTruth, HumanEvaluator, ResultFiles,
                                    results_table)
    from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo
    from mmhqnet.structures.person_fields import fields_of_config

    fields = fields_of_config(args.person_fields,
                              load_keypoint_metainfo(args.keypoints))
    results = ResultFiles(args.results, fields)
    evaluator = HumanEvaluator(
        metrics=args.metric or results.metrics,
        protocols=args.protocol,
        age_errors=args.age_error,
        exclude_small=not args.standard_only,
        backend=args.backend,
        crowding_bounds=args.crowding_bounds)
    ground_truth = GroundTruth.from_file(
        args.ground_truth,
        classes=[args.category],
        metrics=evaluator.metrics,
        fields=fields)
    values = evaluator.evaluate(ground_truth, results)
    print(results_table(values))
    if args.json:
        try:
            with open(args.json, 'w') as file:
                json.dump(values, file, indent=1)
        except OSError as error:
            raise InputError(
                f'--json {args.json}: {error.strerror}') from error


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # Not before the options are read: --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
