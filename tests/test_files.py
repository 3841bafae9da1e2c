import json

import pytest

from mmhqnet.files import write_json


def test_content_comes_back_and_folders_are_made(tmp_path):
    path = tmp_path / 'a' / 'b.json'
    content = dict(a=[1, 2.5, None], b='x')
    write_json(path, content)
    assert json.loads(path.read_text()) == content


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'b.json'
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    assert json.loads(path.read_text()) == 1
    assert list(tmp_path.iterdir()) == [path]
