import json
import os
from pathlib import Path
from typing import Any, Union


def write_json(path: Union[str, Path], content: Any) -> None:
    """Write a JSON file that is either whole or not there.

    Args:
        path (str | Path): The file; its folder is made.
        content (Any): Lists, dicts, strings, numbers.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    try:
        unfinished.write_text(json.dumps(content))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
