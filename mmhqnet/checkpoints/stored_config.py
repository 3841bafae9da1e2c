"""The config inside a checkpoint: data, of which nothing is run.

MMEngine writes it as Python (``Config.pretty_text``) and runs it when it
reads it back. Whoever made the file would decide what runs.
"""
import ast
import re
from typing import Any

from mmengine.config import Config

from mmhqnet.errors import InputError

# A registry imports what it does not know by its dotted name.
_KNOWN_TYPE = re.compile(r'\w+|(mmhqnet|mmdet|mmengine|mmcv|mmpose)\.'
                         r'(\w+\.)*[A-Z]\w*')


def stored_config(checkpoint: dict, path: str) -> Config:
    """The config that a checkpoint was trained with.

    Modules in its ``custom_imports`` are not imported. ``path`` is where the
    checkpoint comes from, for the message.

    Raises:
        InputError: If there is none, if it is more than literals,
            ``dict(...)``, lists and tuples, or if a ``type`` is a dotted name
            outside of the OpenMMLab packages.
    """
    runtime = checkpoint.get('message_hub', {}).get('runtime_info', {})
    text = runtime.get('cfg') or checkpoint.get('meta', {}).get('cfg')
    if text is None:
        raise InputError(f'checkpoint {path} holds no config; name one')
    try:
        return Config(_assignments(text))
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError,
            MemoryError) as error:
        reason = ' '.join(str(error).split()) or 'too deep'
        raise InputError(
            f'the config in checkpoint {path} is refused ({reason}): it may '
            'hold literals, dict(...), lists and tuples only; name a config '
            'file') from error


def _assignments(text: str) -> dict:
    """``name = value`` lines as a dict."""
    config = {}
    for statement in ast.parse(text).body:
        if not (isinstance(statement, ast.Assign) and len(statement.targets)
                == 1 and isinstance(statement.targets[0], ast.Name)):
            raise _unexpected(statement)
        config[statement.targets[0].id] = _value(statement.value)
    return config


def _value(node: ast.expr) -> Any:
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [_value(element) for element in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    if isinstance(node, ast.Dict):
        if None in node.keys:  # {**mapping}
            raise _unexpected(node)
        return _dict(zip(map(_value, node.keys), map(_value, node.values)))
    if isinstance(node, ast.Call):
        return _dict_call(node)
    try:
        return ast.literal_eval(node)  # numbers, also negative ones, and text
    except ValueError:
        raise _unexpected(node) from None


def _dict_call(node: ast.Call) -> dict:
    """``dict(key=value)``, ``dict({key: value})`` or both."""
    if not (isinstance(node.func, ast.Name) and node.func.id == 'dict'
            and len(node.args) <= 1
            and all(isinstance(a, ast.Dict)
                    for a in node.args) and all(keyword.arg
                                                for keyword in node.keywords)):
        raise _unexpected(node)
    values = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    return _dict({**(_value(node.args[0]) if node.args else {}), **values})


def _dict(items) -> dict:
    mapping = dict(items)
    name = mapping.get('type')
    if isinstance(name, str) and not _KNOWN_TYPE.fullmatch(name):
        raise ValueError(f"type='{name}' is not of an OpenMMLab package")
    return mapping


def _unexpected(node: ast.AST) -> ValueError:
    code = ' '.join(ast.unparse(node).split())
    return ValueError(f'line {node.lineno}: {code[:60]}')
