"""Cameras and live streams: frames, gaps, the end, and Ctrl-C."""
import json
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmhqnet.apis import HQNetInferencer
from mmhqnet.apis.sources import read_frames

ROOT = Path(__file__).resolve().parents[2]


class FakeCapture:
    """A camera of 30 frames per second; some frames arrive damaged.

    Args:
        source: Whatever OpenCV takes.
    """
    num_frames, damaged = 6, (2, )
    opened = []

    def __init__(self, source):
        self.source, self.index, self.released = source, -1, False
        self.opened.append(self)

    def isOpened(self):
        return True

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 30.0}.get(what, -1.0)

    def grab(self):
        self.index += 1
        return self.index < self.num_frames

    def retrieve(self):
        if self.index in self.damaged:
            return False, None
        return True, np.full((48, 64, 3), self.index, np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def opened(monkeypatch):
    """The captures that were opened."""
    captures = []
    monkeypatch.setattr(FakeCapture, 'opened', captures)
    monkeypatch.setattr(cv2, 'VideoCapture', FakeCapture)
    return captures


@pytest.mark.parametrize('source, path', [(0, None), (np.int64(1), None),
                                          ('rtsp://x/live', 'rtsp://x/live')])
def test_a_stream_that_drops_a_frame_and_ends(opened, source, path):
    frames = list(read_frames(source))
    assert [frame.index for frame in frames] == list(range(6))
    assert [bool(frame.error)
            for frame in frames] == [index == 2 for index in range(6)]
    assert 'frame 2 of' in frames[2].error
    assert frames[3].image.mean() == 3 and frames[3].time == pytest.approx(.1)
    assert {frame.path for frame in frames} == {path}
    capture, = opened
    assert capture.released and capture.source == source


def test_a_damaged_frame_costs_the_others_nothing(opened, config, checkpoint):
    inferencer = HQNetInferencer(
        config, checkpoint, 'cpu', show_progress=False)
    for batch_size in (1, 4):
        found = list(inferencer.stream(0, batch_size))
        assert [len(persons) for persons in found] == [1, 1, 0, 1, 1, 1]
        assert found[2].error and not found[3].error


def test_break_lets_the_camera_go(opened, monkeypatch, config, checkpoint):
    monkeypatch.setattr(FakeCapture, 'num_frames', 10**9)
    inferencer = HQNetInferencer(
        config, checkpoint, 'cpu', show_progress=False)
    stream = inferencer.stream('rtsp://x/live')
    assert [persons.index for persons in islice(stream, 5)] == [*range(5)]
    stream.close()
    capture, = opened
    assert capture.released
    assert capture.index < 10  # only a little was read ahead


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_done(config_file, checkpoint, tmp_path):
    """A camera without end, in a Python of its own."""
    folder = str(Path(__file__).parent)
    out = tmp_path / 'out'
    code = (
        'import sys, cv2\n'
        f'sys.path[:0] = [{folder!r}, {str(ROOT)!r}]\n'
        'import mmhqnet, conftest, test_cameras\n'  # and the detector
        'test_cameras.FakeCapture.num_frames = 10**9\n'
        'cv2.VideoCapture = test_cameras.FakeCapture\n'
        'from mmhqnet.__main__ import main\n'
        f"sys.exit(main(['predict', '0', '--config', {config_file!r}, "
        f"'--checkpoint', {checkpoint!r}, '--out', {str(out)!r}, "
        "'--device', 'cpu', '--no-pictures']))\n")
    process = subprocess.Popen([sys.executable, '-c', code],
                               stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL,
                               text=True)
    lines = out / 'persons.jsonl'
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if lines.exists() and lines.read_bytes().count(b'\n') > 3:
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and 'Traceback' not in said, said
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line['image']['frame']
            for line in written] == list(range(len(written)))
    assert len(written) > 3
