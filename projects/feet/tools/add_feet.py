"""Add the key ``feet`` to an annotation file.

Example:
    python projects/feet/tools/add_feet.py \\
        data/toy_unihuman/annotations/toy_unihuman_train.json \\
        data/toy_unihuman/annotations/toy_feet_train.json

A foot stands in the middle of its labelled ``foot_kpts`` (COCO-WholeBody:
big toe, small toe, heel of the left foot, then of the right one), as low as
the lowest of them. Without these it stands where the ankle is.
"""
import argparse

from mmhqnet.errors import InputError, one_line_errors
from mmhqnet.files import read_json, write_json
from mmhqnet.structures.label_rules import points_rule

ANKLES = (15, 16)  # of COCO's keypoints, left and right


def foot_of(points):
    """x, y, visibility of a foot, from those of its k points."""
    seen = [point for point in points if point[2] > 0]
    if not seen:
        return [0, 0, 0]
    x, y, visible = zip(*seen)
    return [sum(x) / len(x), max(y), max(visible)]


def feet_of(person):
    """Six numbers, or None if nothing is known."""
    for key, left, right in (('foot_kpts', slice(0, 3), slice(3, 6)),
                             ('keypoints', *(slice(ankle, ankle + 1)
                                             for ankle in ANKLES))):
        values = person.get(key) or []
        if points_rule(values):
            raise InputError(f'annotation {person.get("id")}: {key!r} '
                             f'{points_rule(values)}')
        points = [values[i:i + 3] for i in range(0, len(values), 3)]
        feet = foot_of(points[left]) + foot_of(points[right])
        if any(feet[2::3]):
            return feet


@one_line_errors
def main(argv=None):
    """Read, add, write."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', help='file in COCO format')
    parser.add_argument('out', help='file to write')
    args = parser.parse_args(argv)
    content = read_json(args.annotations)
    if not isinstance(content, dict) or not isinstance(
            content.get('annotations'), list):
        raise InputError(f'{args.annotations}: has no list of annotations')
    number = 0
    for person in content['annotations']:
        feet = feet_of(person)
        if feet is not None:
            person['feet'] = feet
            number += 1
    write_json(args.out, content)
    print(f'{args.out}: feet of {number} of {len(content["annotations"])} '
          'persons')


if __name__ == '__main__':
    main()
