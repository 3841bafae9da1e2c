"""Checkpoints at an address become files, which are read with care."""
import hashlib
import os
from urllib.parse import urlparse

import torch
from mmengine.fileio import get
from mmengine.logging import print_log

from mmhqnet.errors import InputError
from mmhqnet.files import replacing


def is_address(path: str) -> bool:
    """Whether it is an address such as ``https://...`` and not a path."""
    return '://' in path


def fetch(address: str) -> str:
    """Path of a local copy, made if there is none in PyTorch's hub folder.

    NOTE: MMEngine's loader would read the address with pickle, unrestricted.

    Args:
        address: Of a scheme that ``mmengine.fileio`` reads.

    Raises: InputError: If it cannot be fetched.
    """
    path = cached_path(address)
    if os.path.isfile(path):
        return path
    print_log(f'fetching {address} to {path}', logger='current')
    try:
        content = get(address)
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)
    except (OSError, ImportError, KeyError, ValueError) as error:
        reason = ' '.join(str(error).split())
        if isinstance(error, KeyError):
            reason = f'addresses of this kind are not supported: {reason}'
        raise InputError(f'checkpoint {address} cannot be fetched '
                         f'({reason}); download it yourself') from error
    return path


def cached_path(address: str) -> str:
    """Where the copy of an address lies; no two addresses share one."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    name = os.path.basename(urlparse(address).path)
    return os.path.join(torch.hub.get_dir(), 'checkpoints', f'{digest}-{name}')
