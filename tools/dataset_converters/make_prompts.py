"""Make prompts for the persons of a COCO-style annotation file.

Examples:
    python tools/dataset_converters/make_prompts.py person_keypoints.json \\
        refhuman_val.json
    python tools/dataset_converters/make_prompts.py person_keypoints.json \\
        refcoco_train.json --refs 'refs(unc).p' --split train

Every person of some size with labelled joints becomes a sample with five
scribbles inside of the mask, points among them, in RefHuman's format. With
--refs the described persons of RefCOCO, RefCOCO+ or RefCOCOg become samples,
one per sentence. Persons of the toy data set are described by what they were
drawn with. The same options always give the same file.
"""
import argparse


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
    parser.add_argument('annotations', help='COCO-style annotation file')
    parser.add_argument('out', help='file to write')
    parser.add_argument('--refs', help='refs(...).p of RefCOCO, + or g')
    parser.add_argument(
        '--split', default='train', help='split of --refs (%(default)s)')
    parser.add_argument(
        '--min-keypoints',
        type=int,
        default=1,
        help='labelled joints of a person at least (%(default)s; RefHuman '
        'trains with 8)')
    parser.add_argument(
        '--min-area',
        type=float,
        default=0.01,
        help='share of the image at least (%(default)s; RefHuman trains with '
        '0.02)')
    parser.add_argument('--seed', type=int, default=0, help='(%(default)s)')
    return parser.parse_args(argv)


def run(args):
    """Read, make prompts and write.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: A file cannot be read or is malformed, or no person is
            left.
    """
    from mmhqnet.datasets.annotations.referring import (add_prompts,
                                                        only_captioned,
                                                        read_refcoco,
                                                        refcoco_captions)
    from mmhqnet.datasets.annotations.rules import find_problems
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json, write_json
    from mmhqnet.toy.prompts import captions_of_file

    content = read_json(args.annotations)
    for problem in find_problems(content):
        raise InputError(f'{args.annotations}: {problem}')
    if args.refs:
        captions = refcoco_captions(read_refcoco(args.refs), args.split)
        content = only_captioned(content, captions)
    else:
        captions = captions_of_file(content)
    result = add_prompts(content, captions, args.seed, args.min_keypoints,
                         args.min_area)
    if not result['annotations']:
        raise InputError(f'{args.annotations}: no person is left to make '
                         'prompts for; lower --min-keypoints or --min-area')
    try:
        write_json(args.out, result)
    except OSError as error:
        raise InputError(
            f'{args.out}: cannot write ({error.strerror})') from error
    described = sum('caption' in image for image in result['images'])
    print(f'{args.out}: {len(result["images"])} samples, {described} of them '
          'with a caption')


def main(argv=None):
    """Command line of the tool.

    Args:
        argv (list[str], optional): Arguments; of the process by default.
    """
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
