"""``mmhqnet COMMAND``: one door to the tools.

Exit status: 0 all done; 1 done, but some of it could not be (images that
cannot be read) or problems were found; 2 the input is at fault, nothing was
done; 130 interrupted.
"""
import atexit
import difflib
import gc
import importlib.util
import re
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional

from .version import __version__


class Command(NamedTuple):
    """A command.

    Attributes:
        tool: Its file in the folder of the tools.
        purpose: For the help.
    """
    tool: str
    purpose: str


COMMANDS = {
    'predict':
    Command('predict.py', 'find persons in images, folders, videos, cameras'),
    'track':
    Command('track.py', 'follow persons through a video'),
    'eval':
    Command('test.py', 'score a checkpoint on a data set'),
    'train':
    Command('train.py', 'train a model'),
    'info':
    Command('analysis_tools/info.py', 'say what a checkpoint or config is'),
    'check':
    Command('dataset_converters/check_annotations.py',
            'find problems in an annotation file'),
    'toy':
    Command('dataset_converters/make_toy_unihuman.py',
            'draw a data set to try things on'),
    'export':
    Command('deployment/export_onnx.py', 'write an ONNX graph'),
    'serve':
    Command('serve.py', 'show a web page'),
}


def tools_folder() -> Path:
    """Where the tools lie: in the checkout, or installed with the package."""
    package = Path(__file__).resolve().parent
    # Beside an installed package may lie somebody else's tools.
    for folder in (package / '.mim' / 'tools', package.parent / 'tools'):
        if (folder / 'train.py').is_file():
            return folder
    raise SystemExit('error: the tools of mmhqnet are missing: install it '
                     'again')


def available() -> List[str]:
    """Commands whose tool is there."""
    folder = tools_folder()
    return [
        name for name, command in COMMANDS.items()
        if (folder / command.tool).is_file()
    ]


def usage() -> str:
    """The help."""
    lines = [f'  {name:9}{COMMANDS[name].purpose}' for name in available()]
    return '\n'.join([
        'usage: mmhqnet COMMAND ... [--help]', '',
        'HQNet: box, mask, pose, gender and age of every person.', '',
        'commands:', *lines, '', '  --version', ''
    ])


def main(argv: Optional[List[str]] = None) -> int:
    """Run a command; returns the exit status."""
    # The process gives all its memory back in the end: looking for garbage
    # before would take longer than finding persons.
    atexit.register(gc.freeze)
    argv = sys.argv[1:] if argv is None else list(argv)
    if not argv or argv[0] in ('-h', '--help'):
        print(usage())
        return 0
    if argv[0] == '--version':
        print(__version__)
        return 0
    name, *arguments = argv
    if name not in available():
        print(
            f'error: mmhqnet has no command {name!r}'
            f'{_suggestion(name, available())}',
            file=sys.stderr)
        return 2
    return _run(name, tools_folder() / COMMANDS[name].tool, arguments)


def _run(name: str, path: Path, arguments: List[str]) -> int:
    """Run a tool as if it were called by itself."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    tool = importlib.util.module_from_spec(spec)
    program, sys.argv[0] = sys.argv[0], f'mmhqnet {name}'
    sys.path.insert(0, str(path.parent))  # as for a script
    try:
        spec.loader.exec_module(tool)
        status = tool.main(arguments)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130
    except SystemExit as end:
        if end.code == 2:
            _explain_options(arguments, path)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    finally:
        sys.path.remove(str(path.parent))
        sys.argv[0] = program
    return status if isinstance(status, int) else 0


def _explain_options(arguments: List[str], path: Path) -> None:
    """Suggest the right spelling of options that a tool does not know."""
    known = set(re.findall(r"'(--[\w-]+)'", path.read_text())) | {'--help'}
    for word in arguments:
        option = word.partition('=')[0]
        # argparse takes beginnings of options.
        if option.startswith('--') and not any(
                full.startswith(option) for full in known):
            hint = _suggestion(option, known)
            if hint:
                print(f'{option}{hint}', file=sys.stderr)


def _suggestion(word: str, known) -> str:
    close = difflib.get_close_matches(word, sorted(known), 1)
    return f'; did you mean {close[0]}?' if close else ''


if __name__ == '__main__':
    sys.exit(main())
