"""Take the faces of COCO-WholeBody or COCO-UniHuman as a detection data set.

Example:
    python tools/dataset_converters/wholebody_face.py \\
        coco_wholebody_val_v1.0.json \\
        data/coco/annotations/coco_wholebody_face_val.json

Each valid face box becomes an annotation of the one category ``face``, with
the id of its person and the area of the box. Images without faces stay.
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
    parser.add_argument(
        'annotations', help='file of COCO-WholeBody or COCO-UniHuman')
    parser.add_argument('out', help='file to write')
    return parser.parse_args(argv)


def is_valid(person):
    """Whether a person has a face box that says something.

    Args:
        person (dict): An annotation; COCO-WholeBody marks a valid face by
            ``face_valid``, COCO-UniHuman by ``valid['face']``.

    Returns:
        bool: False also for boxes of zeros.
    """
    from mmhqnet.structures.person_fields import FIELDS
    return FIELDS['face'].is_labelled(person)


def run(args):
    """Read, convert and write.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: The file cannot be read, is malformed or has no faces.
    """
    from mmhqnet.datasets.annotations.rules import find_problems
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json, write_json

    content = read_json(args.annotations)
    for problem in find_problems(content):
        raise InputError(f'{args.annotations}: {problem}; correct the file')
    faces = []
    for person in filter(is_valid, content['annotations']):
        x, y, width, height = person['face_box']
        faces.append(
            dict(
                id=person['id'],
                image_id=person['image_id'],
                category_id=1,
                bbox=[x, y, width, height],
                area=width * height,
                iscrowd=0))
    if not faces:
        raise InputError(f"{args.annotations}: no person has a valid "
                         "'face_box'; use COCO-WholeBody or COCO-UniHuman")
    category = dict(id=1, name='face', supercategory='person')
    try:
        write_json(
            args.out,
            dict(
                images=content['images'],
                annotations=faces,
                categories=[category]))
    except OSError as error:
        raise InputError(
            f'{args.out}: cannot write ({error.strerror})') from error
    print(f'{args.out}: {len(faces)} faces in {len(content["images"])} images')


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
