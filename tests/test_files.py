import json

import pytest

from mmhqnet.errors import InputError
from mmhqnet.files import read_json, write_json


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


def test_reading(tmp_path):
    path = tmp_path / 'a.json'
    with pytest.raises(InputError, match=r'cannot read .*a\.json.*No such'):
        read_json(path)
    with pytest.raises(InputError, match='cannot read s3://b.json'):
        read_json(path, 's3://b.json')
    path.write_text('{"images": [')
    with pytest.raises(InputError, match=r'a\.json is not JSON'):
        read_json(path)
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(InputError, match=r'a\.json is not JSON'):
        read_json(path)
    path.write_text(json.dumps({}))
    assert read_json(path) == {}
