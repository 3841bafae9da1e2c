"""Join COCO keypoints, COCO-WholeBody and attribute labels into one file.

Example:
    python tools/dataset_converters/merge_unihuman.py \\
        person_keypoints_val2017.json coco_unihuman_val_v2.json --version v2 \\
        --wholebody coco_wholebody_val_v1.0.json --attributes labels.csv

The result is in COCO-UniHuman's format: COCO's annotations, each with its
labels and ``valid``, a flag per kind of label. Version v1 takes the face box
from COCO-WholeBody, v2 also hands, feet and face landmarks. Labels that are
not valid are left out. Images without persons are left out too, as in the
published files, unless --keep-empty is given.

labels.csv (or a JSON list of such rows) holds one row per person; an empty
cell (null) is no label, further columns are ignored:
    annotation_id,gender,age
    425226,1,31

The base file may be in COCO-UniHuman's format already: without further files
this tool takes a subset of it (--images, --number) or splits it (--split).
"""
import argparse
import csv
import json
import os
import random

# The fields behind each flag of ``valid``.
COCO_FIELDS = dict(keypoints_2d=['keypoints'], segmentation=['segmentation'])
ATTRIBUTE_FIELDS = dict(gender=['gender'], age=['age'], smpl=['smpl'])
WHOLEBODY_FIELDS = dict(
    v1=dict(face=['face_box']),
    v2=dict(
        face=['face_box', 'face_kpts'],
        lefthand=['lefthand_box', 'lefthand_kpts'],
        righthand=['righthand_box', 'righthand_kpts'],
        foot=['foot_kpts']))


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
        'keypoints', help='base: COCO person keypoints or COCO-UniHuman')
    parser.add_argument('out', help='file to write')
    parser.add_argument('--wholebody', help='COCO-WholeBody annotations')
    parser.add_argument('--attributes', help='gender and age, .csv or .json')
    parser.add_argument(
        '--version',
        choices=list(WHOLEBODY_FIELDS),
        default='v1',
        help='of the format (default: %(default)s)')
    parser.add_argument(
        '--images',
        metavar='FILE',
        help='keep only these images: a text file with an id or file name '
        'per line')
    parser.add_argument(
        '--number', type=int, help='keep only so many images, drawn at random')
    parser.add_argument(
        '--split',
        nargs=2,
        metavar=('FRACTION', 'REST'),
        help='write this share of the images to OUT, the others to REST')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of what is drawn at random (default: %(default)s)')
    parser.add_argument(
        '--keep-empty',
        action='store_true',
        help='keep images without persons')
    return parser.parse_args(argv)


def input_error(message):
    from mmhqnet.errors import InputError
    return InputError(message)


def read_checked(path, check):
    """Read an annotation file and look through it.

    Args:
        path (str): The file.
        check (Callable): Takes the content, gives its problems.

    Returns:
        dict: The content.

    Raises:
        InputError: If the file cannot be read or has a problem.
    """
    from mmhqnet.files import read_json
    content = read_json(path)
    for problem in check(content):
        raise input_error(f'{path}: {problem}; correct the file')
    return content


def read_attributes(path):
    """Read the attribute labels of persons.

    Args:
        path (str): ``.json`` (a list of dicts) or ``.csv``.

    Returns:
        dict[int, dict]: For each annotation id ``gender`` and ``age`` as far
        as they are labelled.

    Raises:
        InputError: If the file cannot be read or is malformed.
    """
    from mmhqnet.files import read_json
    if path.endswith('.json'):
        rows = read_json(path)
        if not (isinstance(rows, list)
                and all(isinstance(row, dict) for row in rows)):
            raise input_error(f'{path}: must be a list of dicts with '
                              'annotation_id, gender, age')
    else:
        try:
            with open(path, newline='', encoding='utf-8-sig') as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise input_error(
                f'{path}: cannot read this file ({error})') from error
    attributes = {}
    for number, row in enumerate(rows, start=1):
        where = f'{path}: row {number}'
        annotation_id = as_number(
            row.get('annotation_id'), where, 'annotation_id')
        if annotation_id is None:
            raise input_error(f"{where}: 'annotation_id' is missing")
        if annotation_id in attributes:
            raise input_error(f'{where}: annotation {annotation_id} has a row '
                              'already; keep one of them')
        where = f'{where}: annotation {annotation_id}'
        values = {
            name: as_number(row.get(name), where, name)
            for name in ('gender', 'age')
        }
        attributes[annotation_id] = {
            name: value
            for name, value in values.items() if value not in (None, -1)
        }
    return attributes


def as_number(text, where, name):
    """A cell as a number, None if it is empty."""
    if text is None or text == '':
        return None
    try:
        number = float(text)
        return int(number) if number == int(number) else number
    except (TypeError, ValueError, OverflowError) as error:
        raise input_error(
            f"{where}: '{name}' must be a number, found {text!r}") from error


def is_there(annotation, field):
    """Whether an annotation holds a label that says something."""
    value = annotation.get(field)
    if field == 'keypoints':
        return any((value or [])[2::3])
    return value not in (None, -1, [])


def label(annotation, new, version):
    """Give a person its new labels and say which labels are valid.

    A label of the base file stays unless there is a new one or the file
    itself calls it invalid.

    Args:
        annotation (dict): A person of the base file; changed.
        new (dict): Its new labels by field.
        version (str): ``'v1'`` or ``'v2'``.
    """
    earlier = annotation.get('valid') or {}
    added = {**ATTRIBUTE_FIELDS, **WHOLEBODY_FIELDS[version]}
    valid = dict(
        labels=earlier.get('labels', 1), bboxes=earlier.get('bboxes', 1))
    for flag, fields in {**COCO_FIELDS, **added}.items():
        in_base = earlier.get(flag, 1) and all(
            is_there(annotation, field) for field in fields)
        valid[flag] = int(in_base or fields[0] in new)
    for flag, fields in added.items():
        for field in fields:
            if not valid[flag]:
                annotation.pop(field, None)
    annotation.update(new, valid={**earlier, **valid})


def wholebody_labels(content, version, path):
    """The valid face, hand and foot labels of COCO-WholeBody.

    Args:
        content (dict): COCO-WholeBody annotations.
        version (str): ``'v1'`` or ``'v2'``.
        path (str): The file, for messages.

    Returns:
        dict[int, dict]: Labels by field for each annotation id.

    Raises:
        InputError: If a label is called valid but is not there.
    """
    labels = {}
    for annotation in content['annotations']:
        new = labels[annotation['id']] = {}
        for flag, fields in WHOLEBODY_FIELDS[version].items():
            for field in fields if annotation.get(f'{flag}_valid') else ():
                if field not in annotation:
                    raise input_error(
                        f"{path}: annotation {annotation['id']}: '{field}' is "
                        f'missing though {flag}_valid is set')
                new[field] = annotation[field]
    return labels


def of_images(content, image_ids):
    """The part of the content that belongs to some images.

    Args:
        content (dict): Content of an annotation file.
        image_ids (Iterable): Ids of images.

    Returns:
        dict: A new content with these images, in the order of the file.
    """
    image_ids = set(image_ids)
    return dict(
        content,
        images=[i for i in content['images'] if i['id'] in image_ids],
        annotations=[
            a for a in content['annotations'] if a['image_id'] in image_ids
        ])


def chosen_images(content, path):
    """Ids of the images that a text file names by id or file name."""
    known = {str(image['id']): image['id'] for image in content['images']}
    known.update(
        {image['file_name']: image['id']
         for image in content['images']})
    try:
        with open(path, encoding='utf-8') as file:
            names = [line.strip() for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise input_error(
            f'{path}: cannot read this file ({error})') from error
    for name in names:
        if name not in known:
            raise input_error(f"{path}: no image '{name}' among the images "
                              'of the base file (with persons, unless '
                              '--keep-empty)')
    return [known[name] for name in names]


def write(path, content):
    """Write a file, or on failure nothing."""
    partial = f'{path}.partial'
    try:
        with open(partial, 'w', encoding='utf-8') as file:
            json.dump(content, file)
        os.replace(partial, path)
    except OSError as error:
        raise input_error(
            f'{path}: cannot write ({error.strerror})') from error
    finally:
        if os.path.exists(partial):
            os.remove(partial)
    print(f'{path}: {len(content["annotations"])} persons in '
          f'{len(content["images"])} images')


def join(args, check):
    """Read all files and label the persons of the base file.

    Args:
        args (argparse.Namespace): The options.
        check (Callable): Takes the content of a file, gives its problems.

    Returns:
        dict: The base file's content with all labels.
    """
    base = read_checked(args.keypoints, check)
    sources = {}
    if args.wholebody:
        sources[args.wholebody] = wholebody_labels(
            read_checked(args.wholebody, check), args.version, args.wholebody)
    if args.attributes:
        sources[args.attributes] = read_attributes(args.attributes)
    known = {annotation['id'] for annotation in base['annotations']}
    for path, labels in sources.items():
        strangers = len(labels.keys() - known)
        if strangers == len(labels):
            raise input_error(f'{path}: none of its annotations is in '
                              f'{args.keypoints}; join files of one split')
        if strangers:
            print(f'{path}: {strangers} annotations are not in '
                  f'{args.keypoints} and left out')
    for annotation in base['annotations']:
        new = {}
        for labels in sources.values():
            new.update(labels.get(annotation['id'], {}))
        label(annotation, new, args.version)
    for problem in check(base):  # only attributes were not checked yet
        raise input_error(f'{args.attributes}: {problem}; correct the file')
    return base


def choose(content, args):
    """Draw the images that go into the first file and into the second.

    Args:
        content (dict): Content of an annotation file.
        args (argparse.Namespace): The options.

    Returns:
        list[dict]: The content of each file to write.
    """
    if not args.keep_empty:
        content = of_images(content,
                            (a['image_id'] for a in content['annotations']))
    if args.images:
        content = of_images(content, chosen_images(content, args.images))
    image_ids = [image['id'] for image in content['images']]
    random.Random(args.seed).shuffle(image_ids)
    if args.number is not None:
        if not 0 < args.number <= len(image_ids):
            raise input_error(f'--number {args.number}: there are '
                              f'{len(image_ids)} images to draw from')
        image_ids = image_ids[:args.number]
    if not args.split:
        return [of_images(content, image_ids)]
    fraction = as_number(args.split[0], '--split', 'FRACTION')
    first = round((fraction or 0) * len(image_ids))
    if not 0 < first < len(image_ids):
        raise input_error(f'--split {args.split[0]}: leaves no image of '
                          f'{len(image_ids)} for one of the files; choose a '
                          'number between 0 and 1')
    return [
        of_images(content, image_ids[:first]),
        of_images(content, image_ids[first:])
    ]


def run(args):
    """Join, choose and write.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: If a file or an option is at fault; nothing is written.
    """
    from mmhqnet.datasets.annotations.rules import EXTRA_FIELDS, find_problems

    base = join(
        args,
        lambda content: find_problems(content, extra_fields=EXTRA_FIELDS))
    paths = [args.out] + (args.split[1:] if args.split else [])
    for path, content in zip(paths, choose(base, args)):
        write(path, content)


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
