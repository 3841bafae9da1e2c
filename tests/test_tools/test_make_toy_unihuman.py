"""Toy UniHuman: the data set is true to its pictures and written safely."""
import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

TOOL = (Path(__file__).parents[2] / 'tools' / 'dataset_converters' /
        'make_toy_unihuman.py')
sys.path.insert(0, str(TOOL.parent))

import make_toy_unihuman as tool  # noqa: E402

from mmhqnet.toy import dataset, draw_scene  # noqa: E402
from mmhqnet.toy.traits import FEMALE, MALE, MAX_AGE  # noqa: E402

SMALL = ['--num-train', '12', '--num-val', '6', '--image-size', '96', '80']


def write(out, *options):
    """Run the tool in this process with few small images."""
    tool.main([str(out), *SMALL, *options])


def file_bytes(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_file()}


def load(out, split):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(dataset.annotation_file(out, split)))


@pytest.fixture(scope='module')
def data_set(tmp_path_factory):
    """A small data set, half of whose attributes are left out."""
    out = tmp_path_factory.mktemp('toy') / 'data'
    write(out, '--num-train', '60', '--unlabelled', '0.5')
    return out


class TestFiles:

    def test_same_options_same_bytes(self, tmp_path):
        write(tmp_path / 'a')
        write(tmp_path / 'b')
        write(tmp_path / 'c', '--seed', '1')
        first, second, other = (file_bytes(tmp_path / name) for name in 'abc')
        assert first == second
        assert len(first) == 12 + 6 + 2 + 1
        assert all(first[name] != other[name] for name in first)

    def test_images_do_not_depend_on_their_number(self, tmp_path):
        write(tmp_path / 'few', '--num-train', '3')
        write(tmp_path / 'many', '--unlabelled', '1')
        few, many = (file_bytes(tmp_path / name / 'images')
                     for name in ('few', 'many'))
        assert few.items() <= many.items()

    def test_coco_unihuman_format(self, data_set):
        for split, number in (('train', 60), ('val', 6)):
            content = json.loads(
                dataset.annotation_file(data_set, split).read_text())
            assert len(content['images']) == number
            for image in content['images']:
                path = data_set / 'images' / split / image['file_name']
                assert cv2.imread(str(path)).shape == (80, 96, 3)
                assert (image['width'], image['height']) == (96, 80)
            ids = [ann['id'] for ann in content['annotations']]
            assert len(set(ids)) == len(ids)
            category, = content['categories']
            assert category['name'] == 'person' and category['id'] == 1
            assert len(category['keypoints']) == 17
            assert len(category['skeleton']) == 19
            for ann in content['annotations']:
                assert list(ann['valid']) == [
                    'labels', 'bboxes', 'keypoints_2d', 'segmentation',
                    'smpl', 'gender', 'age', 'face']
                assert ann['iscrowd'] == 0 and ann['category_id'] == 1

    def test_masks_never_overlap(self, data_set):
        coco = load(data_set, 'train')
        for image_id in coco.getImgIds():
            masks = [coco.annToMask(ann)
                     for ann in coco.imgToAnns[image_id]]
            assert np.sum(masks, axis=0).max() == 1

    def test_area_and_box_are_those_of_the_mask(self, data_set):
        coco = load(data_set, 'train')
        for ann in coco.anns.values():
            mask = coco.annToMask(ann)
            image = coco.imgs[ann['image_id']]
            assert mask.shape == (image['height'], image['width'])
            assert ann['area'] == mask.sum() > 0
            rows, columns = np.nonzero(mask)
            assert ann['bbox'] == [
                columns.min(), rows.min(), columns.max() - columns.min() + 1,
                rows.max() - rows.min() + 1]

    def test_seen_keypoints_lie_on_the_person(self, data_set):
        coco, seen = load(data_set, 'train'), 0
        for ann in coco.anns.values():
            mask = cv2.dilate(coco.annToMask(ann), np.ones((3, 3), np.uint8))
            for x, y, visibility in np.reshape(ann['keypoints'], (17, 3)):
                if visibility == 2:
                    assert mask[int(y), int(x)]
                    seen += 1
        assert seen > 500

    def test_splits_share_no_ids(self, data_set):
        train, val = load(data_set, 'train'), load(data_set, 'val')
        assert not set(train.imgs) & set(val.imgs)
        assert not set(train.anns) & set(val.anns)

    @pytest.mark.parametrize('kind', ['bbox', 'segm', 'keypoints'])
    def test_truth_scores_full_marks(self, data_set, kind):
        truth = load(data_set, 'val')
        results = [dict(ann, score=1.0) for ann in truth.anns.values()]
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(truth, truth.loadRes(results), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        assert evaluation.stats[0] == pytest.approx(1)

    def test_unlabelled_attributes_are_absent(self, data_set):
        anns = load(data_set, 'train').anns.values()
        for name in ('gender', 'age'):
            labelled = [name in ann for ann in anns]
            assert labelled == [ann['valid'][name] == 1 for ann in anns]
            assert 0.3 < np.mean(labelled) < 0.7
        both = [('gender' in ann, 'age' in ann) for ann in anns]
        assert len(set(both)) == 4  # they go independently
        for ann in load(data_set, 'val').anns.values():
            assert ann['gender'] in (MALE, FEMALE)
            assert isinstance(ann['age'], int) and 0 <= ann['age'] <= MAX_AGE
            assert ann['valid']['gender'] == ann['valid']['age'] == 1

    @pytest.mark.parametrize('fraction, expected', [('0', True), ('1', False)])
    def test_unlabelled_extremes(self, tmp_path, fraction, expected):
        write(tmp_path / 'out', '--unlabelled', fraction)
        for ann in load(tmp_path / 'out', 'train').anns.values():
            assert ('gender' in ann) == ('age' in ann) == expected

    def test_crowded_training_images(self, tmp_path):
        write(tmp_path / 'some')
        write(tmp_path / 'crowded', '--crowded', '1')
        (trained, held_out), (crowded, same) = ([
            Counter(ann['image_id']
                    for ann in load(tmp_path / name, split).anns.values())
            for split in dataset.SPLITS
        ] for name in ('some', 'crowded'))
        assert set(trained.values()) == {1, 2}
        assert set(crowded.values()) == {2} and len(crowded) == 12
        assert held_out == same

    def test_no_images_in_a_split(self, tmp_path):
        write(tmp_path / 'out', '--num-val', '0')
        assert load(tmp_path / 'out', 'val').anns == {}
        assert dataset.is_complete(
            tmp_path / 'out',
            json.loads((tmp_path / 'out' / dataset.OPTIONS_FILE).read_text()))


class TestFolder:

    def test_reuses_a_complete_one(self, tmp_path, capsys, monkeypatch):
        write(tmp_path / 'out')
        monkeypatch.setattr(dataset, 'draw_scene', None)  # would fail
        write(tmp_path / 'out')
        assert 'same options' in capsys.readouterr().out

    def test_replaces_its_own(self, tmp_path):
        write(tmp_path / 'out')
        before = file_bytes(tmp_path / 'out')
        write(tmp_path / 'out', '--seed', '5')
        assert file_bytes(tmp_path / 'out') != before
        next((tmp_path / 'out' / 'images' / 'val').iterdir()).unlink()
        write(tmp_path / 'out')
        assert file_bytes(tmp_path / 'out') == before
        assert [path.name for path in tmp_path.iterdir()] == ['out']

    def test_writes_into_an_empty_folder(self, tmp_path):
        (tmp_path / 'out').mkdir()
        write(tmp_path / 'out')
        assert load(tmp_path / 'out', 'train').anns

    @pytest.mark.parametrize('own', [True, False])
    def test_keeps_what_others_wrote(self, tmp_path, capsys, own):
        out = tmp_path / 'out'
        out.mkdir()
        if own:
            write(out)
        (out / 'thesis.txt').write_text('precious')
        before = file_bytes(out)
        with pytest.raises(SystemExit) as stop:
            write(out, '--seed', '9')
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert error.count('\n') == 1 and 'not empty' in error
        assert file_bytes(out) == before

    def test_out_is_a_file(self, tmp_path, capsys):
        (tmp_path / 'out').write_text('precious')
        with pytest.raises(SystemExit):
            write(tmp_path / 'out')
        assert 'is a file' in capsys.readouterr().err
        assert (tmp_path / 'out').read_text() == 'precious'

    @pytest.mark.parametrize('options, word', [
        (['--num-train', '-1'], '--num-train'),
        (['--num-val', '2000000'], '--num-val'),
        (['--seed', '-3'], '--seed'),
        (['--max-persons', '0'], '--max-persons'),
        (['--max-persons', '99'], '--max-persons'),
        (['--image-size', '8', '96'], '--image-size'),
        (['--unlabelled', '1.5'], '--unlabelled'),
        (['--unlabelled', 'nan'], '--unlabelled'),
        (['--crowded', '-0.1'], '--crowded'),
    ])
    def test_bad_options(self, tmp_path, capsys, options, word):
        with pytest.raises(SystemExit) as stop:
            write(tmp_path / 'out', *options)
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith('error: ') and error.count('\n') == 1
        assert word in error
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize('earlier', [True, False])
    def test_interrupted_run_leaves_no_trace(self, tmp_path, monkeypatch,
                                             earlier):
        if earlier:
            write(tmp_path / 'out')
        before = file_bytes(tmp_path)

        def interrupt(rng, *args):
            if interrupt.left == 0:
                raise KeyboardInterrupt
            interrupt.left -= 1
            return draw_scene(rng, *args)

        interrupt.left = 3
        monkeypatch.setattr(dataset, 'draw_scene', interrupt)
        with pytest.raises(SystemExit) as stop:
            write(tmp_path / 'out', '--seed', '1')
        assert stop.value.code == 130
        assert file_bytes(tmp_path) == before
        assert (tmp_path / 'out').exists() == earlier

    def _killed_run(self, tmp_path, how):
        run = subprocess.Popen(
            [sys.executable, str(TOOL), str(tmp_path / 'out'), '--num-train',
             '100000'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob('.out.partial/images/train/*.jpg')):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        run.send_signal(how)
        run.communicate(timeout=30)
        assert not (tmp_path / 'out').exists()
        return run.returncode

    def test_terminated_run_leaves_no_trace(self, tmp_path):
        assert self._killed_run(tmp_path, signal.SIGTERM) == 143
        assert not list(tmp_path.iterdir())

    def test_run_after_a_killed_one(self, tmp_path):
        self._killed_run(tmp_path, signal.SIGKILL)
        write(tmp_path / 'out')
        assert [path.name for path in tmp_path.iterdir()] == ['out']


def test_is_light():
    """The tool answers without loading torch or the OpenMMLab stack."""
    check = ('import sys; import make_toy_unihuman; '
             'print(sorted({"torch", "mmdet", "mmcv", "mmengine", "mmhqnet", '
             '"matplotlib"} & set(sys.modules)))')
    answer = subprocess.run([sys.executable, '-c', check], cwd=TOOL.parent,
                            capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == '[]'
