import pytest
from torch.utils.data import DataLoader, Dataset

from mmhqnet.errors import InputError, missing_file, one_line_errors


class Broken(Dataset):

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise InputError('image 7 is truncated')


def read():
    list(DataLoader(Broken(), num_workers=1))


def refuse():
    raise InputError('image 7 is truncated')


@pytest.mark.parametrize('main', [refuse, read])
def test_input_error_is_one_line(main, capfd):
    """Also when the worker of a data loader raises it."""
    with pytest.raises(SystemExit) as end:
        one_line_errors(main)()
    assert end.value.code == 2
    assert capfd.readouterr().err == 'error: image 7 is truncated\n'


def test_other_errors_keep_their_traceback():

    @one_line_errors
    def main():
        raise ValueError('a bug')

    with pytest.raises(ValueError, match='a bug'):
        main()


def test_result_is_passed_on():
    assert one_line_errors(lambda x: x + 1)(1) == 2


def test_a_similar_file_is_suggested(tmp_path):
    (tmp_path / 'config.py').write_text('')
    wrong, right = (str(tmp_path / name) for name in ('confg.py', 'config.py'))
    assert str(missing_file('config', wrong)) == (
        f'config {wrong} does not exist; did you mean {right}?')
    for path in ('other', str(tmp_path / 'no' / 'config.py')):
        assert str(missing_file('config', path)).endswith('does not exist')
