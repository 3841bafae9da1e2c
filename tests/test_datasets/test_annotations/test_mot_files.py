"""What is written is read again, and malformed lines are named."""
import numpy as np

from mmhqnet.datasets.annotations.mot_files import (format_tracks,
                                                    parse_tracks, read_results,
                                                    write_results)


def random_frames():
    rng = np.random.default_rng(0)
    return [(rng.permutation(9)[:n], rng.uniform(0, 900, (n, 4)))
            for n in (3, 0, 5)]


def test_tracks_round_trip():
    frames = random_frames()
    back = parse_tracks(format_tracks(frames), 'gt.txt', 3)
    for (ids, boxes), (ids_back, boxes_back) in zip(frames, back):
        assert ids.tolist() == ids_back.tolist()
        assert (boxes == boxes_back).all()


def test_result_files_round_trip(tmp_path):
    frames = random_frames()
    path = str(tmp_path / 'new' / 'seq.txt')
    write_results(path, frames)
    back = read_results(path, 3)
    for (ids, boxes), (ids_back, boxes_back) in zip(frames, back):
        assert ids.tolist() == ids_back.tolist()
        np.testing.assert_allclose(boxes, boxes_back, atol=1e-9)


def test_result_file_is_one_based(tmp_path):
    path = tmp_path / 'seq.txt'
    write_results(str(path), [(np.array([0]), np.array([[5, 6, 7, 8.5]]))])
    assert path.read_text() == '1,1,6.0,7.0,8.0,9.5,-1,-1,-1,-1\n'
