"""Prepare CrowdPose's annotations: areas and image sizes.

Example:
    python tools/dataset_converters/crowdpose.py crowdpose_test.json \\
        data/crowdpose/annotations/crowdpose_test_with_areas.json

CrowdPose's files are in COCO's format with 14 keypoints, but persons have no
``area``; its evaluation takes 0.53 * width * height of the box, which this
tool writes down. In the published files width and height of the images are
swapped; that is noticed (persons stick out of their images) and put right.
"""
import argparse

# Share of the box that a person is taken to fill, for OKS.
AREA_OF_BOX = 0.53


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
    parser.add_argument('annotations', help='annotation file of CrowdPose')
    parser.add_argument('out', help='file to write')
    return parser.parse_args(argv)


def sizes_are_swapped(content):
    """Whether more images hold their persons with width and height swapped.

    Args:
        content (dict): Content of the annotation file.

    Returns:
        bool: True if the sizes must be swapped.
    """
    reach = {}  # how far right and down labelled keypoints go
    for annotation in content['annotations']:
        points = annotation.get('keypoints') or []
        image_id = annotation['image_id']
        for x, y, visibility in zip(points[::3], points[1::3], points[2::3]):
            if visibility > 0:
                right, bottom = reach.get(image_id, (0, 0))
                reach[image_id] = max(right, x), max(bottom, y)
    as_written = swapped = 0
    for image in content['images']:
        right, bottom = reach.get(image['id'], (0, 0))
        width, height = image['width'], image['height']
        as_written += right <= width and bottom <= height
        swapped += right <= height and bottom <= width
    return swapped > as_written


def run(args):
    """Read, complete and write.

    Args:
        args (argparse.Namespace): The options.

    Raises:
        InputError: The file cannot be read or is malformed.
    """
    from mmhqnet.datasets.annotations.rules import find_problems
    from mmhqnet.errors import InputError
    from mmhqnet.files import read_json, write_json
    from mmhqnet.structures.person_fields import resolve_fields

    content = read_json(args.annotations)
    try:
        for annotation in content['annotations']:
            _, _, width, height = annotation['bbox']
            annotation['area'] = AREA_OF_BOX * width * height
    except (KeyError, TypeError, ValueError, OverflowError):
        pass  # the check below says what is wrong
    fields = resolve_fields(keypoints=dict(num_keypoints=14))
    for problem in find_problems(content, fields):
        raise InputError(f'{args.annotations}: {problem}; is this an '
                         'annotation file of CrowdPose?')
    if not all('crowdIndex' in image for image in content['images']):
        print(f'{args.annotations}: without crowdIndex of every image there '
              'is no AP for easy, medium and hard images')
    if sizes_are_swapped(content):
        print('width and height of the images were swapped')
        for image in content['images']:
            image['width'], image['height'] = image['height'], image['width']
    try:
        write_json(args.out, content)
    except OSError as error:
        raise InputError(
            f'{args.out}: cannot write ({error.strerror})') from error
    print(f'{args.out}: {len(content["annotations"])} persons in '
          f'{len(content["images"])} images')


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
