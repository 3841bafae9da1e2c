"""The trained model that comes with the package."""
import hashlib
import re
from pathlib import Path
from typing import Optional

from mmhqnet.errors import InputError

FOLDER = Path(__file__).resolve().parents[1] / 'weights'
ADVICE = ('install mmhqnet again (in a checkout: git checkout -- '
          'mmhqnet/weights), or give a config and a checkpoint')


def digest(content: bytes) -> str:
    """What the name of a file says of its content, 8 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:8]


def notice(meta: dict) -> str:
    """One line that says which model this is, what it cannot and may not.

    ``meta`` is what the checkpoint says of itself.
    """
    absent = [task for task in ('gender', 'age') if task not in meta['tasks']]
    parts = [', '.join(meta['tasks']), *(f'no {task}' for task in absent)]
    return (f'using {meta["model"]}, which comes with mmhqnet: '
            f'{"; ".join(parts)}; for trying out and research, not for '
            'products (mmhqnet info)')


def shipped_model(folder: Optional[Path] = None) -> str:
    """Path of the checkpoint in a folder, by default the package's.

    Its name ends in the digest of its content, as those of OpenMMLab do:
    PyTorch does not notice a damaged byte.

    Raises: InputError: If there is none, or it is damaged.
    """
    folder = FOLDER if folder is None else folder
    files = sorted(folder.glob('*.pth'))
    if not files:
        raise InputError('the model that comes with mmhqnet is missing in '
                         f'{folder}; {ADVICE}')
    file = files[-1]
    named = re.search('-([0-9a-f]{8})$', file.stem)
    try:
        whole = named is not None and digest(file.read_bytes()) == named[1]
    except OSError as error:
        raise InputError(f'the model that comes with mmhqnet, {file}, cannot '
                         f'be read ({error.strerror}); {ADVICE}') from error
    if not whole:
        raise InputError('the model that comes with mmhqnet is damaged: '
                         f'{file}; {ADVICE}')
    return str(file)
