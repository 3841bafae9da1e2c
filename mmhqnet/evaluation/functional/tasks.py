"""The tasks that are evaluated and what each of them needs."""
from typing import List, NamedTuple, Optional, Sequence, Union

from mmhqnet.errors import InputError


class Task(NamedTuple):
    """What a task is called elsewhere."""
    # COCO's IoU type, and PREFIX.<kind>.json is the result file.
    kind: str
    # Field of ``pred_instances``, besides boxes, scores and labels.
    field: Optional[str] = None


TASKS = {
    'box': Task('bbox'),
    'mask': Task('segm', 'masks'),
    'pose': Task('keypoints', 'keypoints'),
    'gender': Task('attributes', 'genders'),
    'age': Task('attributes', 'ages'),
}
KINDS = tuple(dict.fromkeys(task.kind for task in TASKS.values()))
ATTRIBUTES = ('gender', 'age')
# How persons whose attribute is not labelled are treated.
PROTOCOLS = ('official', 'ignore_unlabelled')


def check_names(names: Union[str, Sequence[str]], known: Sequence[str],
                what: str) -> List[str]:
    """Check names that the user chose.

    Args:
        names (str | Sequence[str]): One or several names.
        known (Sequence[str]): The valid ones.
        what (str): What they are names of, for the error message.

    Returns:
        list[str]: The names.

    Raises:
        InputError: A name is unknown; the valid ones are listed.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in known:
            raise InputError(f'{what} {name!r} is unknown; choose from '
                             f'{", ".join(known)}')
    return names
