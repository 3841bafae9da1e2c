"""Convert OCHuman's own annotation file to COCO's format.

Example:
    python tools/dataset_converters/ochuman.py ochuman.json data/ochuman

OCHuman can be had in COCO's format, too; who has those files
(ochuman_coco_format_val_range_0.00_1.00.json and ..._test_...) needs no
conversion. The files written here have the same names and content: persons
with both keypoints and mask, 17 keypoints of COCO, the area of the box as
``area``; the first 2500 images are val and the other 2231 are test.
"""
import argparse
import os

NUM_VAL = 2500
# missing, visible, occluded by itself, occluded by others: in COCO's words
VISIBILITY = {0: 0, 1: 2, 2: 2, 3: 1}


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
    parser.add_argument('annotations', help='ochuman.json')
    parser.add_argument('out_dir', help='folder to write to')
    parser.add_argument(
        '--num-val',
        type=int,
        default=NUM_VAL,
        metavar='N',
        help='images of the validation set (default: %(default)s, as '
        'published)')
    return parser.parse_args(argv)


def coco_mask(segments):
    """A person's mask, outer polygons without inner ones, as COCO's RLE.

    Args:
        segments (dict): ``outer`` and ``inner`` (lists of polygons),
            ``height`` and ``width`` of the image.

    Returns:
        dict: Compressed RLE.
    """
    import numpy as np
    from pycocotools import mask as mask_utils
    height, width = segments['height'], segments['width']

    def area(polygons):
        # Two points enclose nothing, and pycocotools takes them for a box.
        polygons = [polygon for polygon in polygons if len(polygon) >= 6]
        if not polygons:
            return np.zeros((height, width), np.uint8)
        return mask_utils.decode(
            mask_utils.merge(mask_utils.frPyObjects(polygons, height, width)))

    mask = area(segments['outer']) & ~area(segments['inner'])
    rle = mask_utils.encode(np.asfortranarray(mask & 1))
    return dict(size=rle['size'], counts=rle['counts'].decode())


def find_problem(image, num_keypoints):
    """Look through an image and its persons with keypoints and mask.

    Args:
        image (dict): The image; each of its persons has a ``number``.
        num_keypoints (int): OCHuman's keypoints.

    Returns:
        str | None: What is wrong with which field.
    """
    if not isinstance(image.get('file_name'), str):
        return "'file_name' must be a string"
    for side in ('height', 'width'):
        if not (type(image.get(side)) is int and 0 < image[side] < 1e5):
            return f"'{side}' must be a number of pixels"
    for person in image['annotations']:
        problem = find_problem_of_person(person, image, num_keypoints)
        if problem:
            return f'person {person["number"]}: {problem}'
    return None


def find_problem_of_person(person, image, num_keypoints):
    """Look through a person; see :func:`find_problem`."""
    from mmhqnet.structures.label_rules import are_numbers
    box, keypoints, segments = (
        person.get(field) for field in ('bbox', 'keypoints', 'segms'))
    if not (are_numbers(box) and len(box) == 4):
        return "'bbox' must be 4 numbers x1, y1, x2, y2"
    if not (are_numbers(keypoints) and len(keypoints) == 3 * num_keypoints
            and set(keypoints[2::3]) <= VISIBILITY.keys()):
        return ("'keypoints' must be x, y and visibility (0 to 3) of "
                f'{num_keypoints} keypoints')
    size = [image['height'], image['width']]
    if not (isinstance(segments, dict)
            and [segments.get('height'),
                 segments.get('width')] == size):
        return f"'segms' must have height and width of the image, {size}"
    for part in ('outer', 'inner'):
        polygons = segments.get(part)
        if not (isinstance(polygons, list) and all(
                are_numbers(polygon) and len(polygon) % 2 == 0
                for polygon in polygons)):
            return f"'segms' must have polygons x1, y1, x2, y2, ... in {part}"
    return None


def coco_person(person, keypoint_order):
    """A person as a COCO annotation, without ids.

    Args:
        person (dict): ``bbox`` (x1, y1, x2, y2), ``keypoints`` (x, y,
            visibility of 19 keypoints) and ``segms``.
        keypoint_order (list[int]): Index of each of COCO's keypoints.

    Returns:
        dict: The annotation.
    """
    x1, y1, x2, y2 = person['bbox']
    keypoints = []
    for index in keypoint_order:
        x, y, visibility = person['keypoints'][3 * index:3 * index + 3]
        keypoints += [x, y, VISIBILITY[visibility]]
    return dict(
        category_id=1,
        iscrowd=0,
        bbox=[x1, y1, x2 - x1, y2 - y1],
        area=(x2 - x1) * (y2 - y1),
        keypoints=keypoints,
        num_keypoints=sum(v > 0 for v in keypoints[2::3]),
        segmentation=coco_mask(person['segms']))


def convert(images, keypoint_order, keypoint_names):
    """Make the COCO dataset of some images.

    Args:
        images (list[dict]): Images of OCHuman with their persons.
        keypoint_order (list[int]): Index of each of COCO's keypoints.
        keypoint_names (list[str]): COCO's keypoints.

    Returns:
        dict: The dataset.
    """
    category = dict(
        id=1, name='person', supercategory='person', keypoints=keypoint_names)
    dataset = dict(images=[], annotations=[], categories=[category])
    for image_id, image in enumerate(images, start=1):
        dataset['images'].append(
            dict(
                id=image_id,
                file_name=image['file_name'],
                height=image['height'],
                width=image['width']))
        for person in image['annotations']:
            dataset['annotations'].append(
                dict(
                    coco_person(person, keypoint_order),
                    id=len(dataset['annotations']) + 1,
                    image_id=image_id))
    return dataset


def read(path):
    """Read OCHuman's annotation file and look through it.

    Args:
        path (str): The file.

    Returns:
        tuple[list[str], list[dict]]: OCHuman's keypoints; the images that
        have persons with keypoints and mask, with these only, by number.

    Raises:
        InputError: The file cannot be read or is malformed.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json
    content = read_json(path)
    try:
        names = list(content['keypoint_names'])
        images = sorted(content['images'], key=lambda i: i['image_id'])
        for image in images:
            image['annotations'] = [
                dict(person, number=number)
                for number, person in enumerate(image['annotations'], start=1)
                if person['keypoints'] and person['segms']
            ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f'{path}: not OCHuman\'s own format ({type(error).__name__}: '
            f'{error}); the files called ochuman_coco_format_... need no '
            'conversion') from error
    for image in images:
        problem = find_problem(image, len(names))
        if problem:
            raise InputError(f'{path}: image {image["image_id"]}: {problem}; '
                             'download the file again')
    return names, [image for image in images if image['annotations']]


def run(args):
    """Read, convert, and write both files.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: The file cannot be read or is not OCHuman's.
    """
    from mmhqnet.errors import InputError
    from mmhqnet.files import write_json
    from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo

    path = args.annotations
    ochuman_names, images = read(path)
    names = load_keypoint_metainfo('coco')['keypoint_names']
    missing = set(names) - set(map(str, ochuman_names))
    if missing:
        raise InputError(f"{path}: 'keypoint_names' lacks "
                         f'{", ".join(sorted(missing))}; is this OCHuman\'s '
                         'own file?')
    order = [ochuman_names.index(name) for name in names]
    if not 0 < args.num_val < len(images):
        raise InputError(f'{path}: {len(images)} images have persons with '
                         f'keypoints and mask, too few for --num-val '
                         f'{args.num_val}; is the file complete?')
    datasets = {
        split: convert(part, order, names)
        for split, part in (('val', images[:args.num_val]),
                            ('test', images[args.num_val:]))
    }
    for split, dataset in datasets.items():
        out = os.path.join(
            args.out_dir, f'ochuman_coco_format_{split}_range_0.00_1.00.json')
        try:
            write_json(out, dataset)
        except OSError as error:
            raise InputError(
                f'{out}: cannot write ({error.strerror})') from error
        print(f'{out}: {len(dataset["annotations"])} persons in '
              f'{len(dataset["images"])} images')


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
