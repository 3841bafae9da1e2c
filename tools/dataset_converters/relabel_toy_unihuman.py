"""Label the people of a toy data set as another data set would.

Example:
    python tools/dataset_converters/make_toy_unihuman.py data/toy_crowdpose \\
        --seed 1
    python tools/dataset_converters/relabel_toy_unihuman.py data/toy_crowdpose

Writes annotations/toy_crowdpose_{train,val}.json beside those of the data set:
14 keypoints as in CrowdPose, and what everybody wears (shirt, dress, romper)
instead of gender and age. See "Start from a trained model" in docs/configs.md.
"""
import argparse
from pathlib import Path


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
    parser.add_argument('folder', type=Path, help='folder of the toy data set')
    return parser.parse_args(argv)


def run(args):
    """Write the files.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: A file of the data set cannot be read.
    """
    from mmhqnet.files import read_json, write_json
    from mmhqnet.toy.dataset import SPLITS, annotation_file
    from mmhqnet.toy.relabelled import relabel
    for split in SPLITS:
        path = annotation_file(args.folder, split)
        out = path.with_name(f'toy_crowdpose_{split}.json')
        write_json(out, relabel(read_json(path)))
        print(f'written: {out}')


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
