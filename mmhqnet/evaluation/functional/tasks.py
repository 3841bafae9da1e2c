"""Names that a user chooses."""
from typing import List, Mapping, Sequence, Union

from mmhqnet.errors import InputError
from mmhqnet.structures.person_fields import PersonField

# How persons whose attribute is not labelled are treated.
PROTOCOLS = ('official', 'ignore_unlabelled')


def check_names(names: Union[str, Sequence[str]], known: Sequence[str],
                what: str) -> List[str]:
    """One or several names as a list.

    Raises: InputError: A name is unknown; the known ones are listed.
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in known:
            raise InputError(f'{what} {name!r} is unknown; choose from '
                             f'{", ".join(known)}')
    return names


def metrics_of(fields: Mapping[str, PersonField]) -> List[str]:
    """The rows that can be evaluated."""
    return [name for name, field in fields.items() if field.is_evaluated]


def attributes_of(fields: Mapping[str, PersonField]) -> List[str]:
    """The rows whose AP asks for a box and the right value."""
    return [
        name for name in metrics_of(fields) if fields[name].iou_type is None
    ]
