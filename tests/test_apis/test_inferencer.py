import json

import cv2
import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from pycocotools import mask as run_length_code

from mmhqnet.apis import HQNetInferencer
from mmhqnet.errors import InputError


@pytest.fixture
def inferencer(config, checkpoint):
    return HQNetInferencer(config, checkpoint, 'cpu', show_progress=False)


def test_predictions_hold_every_task(inferencer, photos):
    person = inferencer(photos[0])['predictions'][0]
    height, width = mmcv.imread(photos[0]).shape[:2]
    assert person['bboxes'] == [[0, 0, width / 2, height / 2]] * 2
    assert person['labels'] == [0, 0]
    assert person['scores'] == pytest.approx([0.9, 0.2])
    assert np.shape(person['keypoints']) == (2, 17, 2)
    assert np.shape(person['keypoint_scores']) == (2, 17)
    assert person['genders'] == [1, 0]
    assert person['gender_scores'] == [0.75, 0.125]
    assert person['ages'] == [31, 31]
    assert person['colors'] == ['red', 'blue']
    assert person['mask_scores'] == pytest.approx([0.9, 0.2])
    mask = run_length_code.decode(person['masks'][0])
    assert mask.shape == (height, width)
    assert mask[:height // 2].all() and not mask[height // 2:].any()


def test_files_hold_what_is_returned(inferencer, photos, tmp_path):
    out = tmp_path / 'out'
    result = inferencer(photos, out_dir=str(out), no_save_pred=False)
    for path, prediction in zip(photos, result['predictions']):
        name = path.rpartition('/')[2]
        written = (out / 'preds' / name).with_suffix('.json').read_text()
        assert json.loads(written) == prediction
        picture = cv2.imread(str(out / 'vis' / name))
        assert picture.shape == mmcv.imread(path).shape
    assert len(list(out.rglob('*.*'))) == 6


def test_nothing_is_written_unasked(inferencer, photos, tmp_path):
    before = set(tmp_path.rglob('*'))
    inferencer(photos[0])
    assert set(tmp_path.rglob('*')) == before


def test_batch_equals_single(inferencer, photos):
    together = inferencer(photos, batch_size=3)['predictions']
    for path, prediction in zip(photos, together):
        assert inferencer(path)['predictions'] == [prediction]


def test_array_equals_file(inferencer, photos, tmp_path):
    array = mmcv.imread(photos[0])
    from_array = inferencer(
        array,
        out_dir=str(tmp_path / 'a'),
        no_save_pred=False,
        return_vis=True)
    from_file = inferencer(photos[0], return_vis=True)
    assert from_array['predictions'] == from_file['predictions']
    assert (
        from_array['visualization'][0] == from_file['visualization'][0]).all()
    assert (tmp_path / 'a' / 'preds' / '00000000.json').is_file()


def test_folder_means_its_images_in_order(inferencer, photos, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    for name in 'cab':
        cv2.imwrite(
            str(folder / f'{name}.png'),
            np.full((20 + ord(name), 50, 3), 9, np.uint8))
    (folder / 'notes.txt').write_text('no image')
    predictions = inferencer(str(folder))['predictions']
    heights = [p['bboxes'][0][3] * 2 - 20 for p in predictions]
    assert [chr(int(h)) for h in heights] == ['a', 'b', 'c']
    assert len(inferencer([photos[0], str(folder)])['predictions']) == 4


def test_empty_folder(inferencer, tmp_path):
    with pytest.raises(InputError, match='no images in'):
        inferencer(str(tmp_path))


@pytest.mark.parametrize('index', range(5))
def test_bad_image(inferencer, bad_images, index):
    with pytest.raises(InputError) as error:
        inferencer(bad_images[index])
    assert bad_images[index] in str(error.value)
    assert '\n' not in str(error.value)


def test_bad_images_cost_the_good_ones_nothing(inferencer, photos, bad_images,
                                               tmp_path):
    mixed = [
        bad_images[0], photos[0], *bad_images[1:3], photos[1], *bad_images[3:],
        photos[2]
    ]
    out = tmp_path / 'out'
    result = inferencer(
        mixed, batch_size=2, out_dir=str(out), no_save_pred=False)
    assert result['predictions'] == inferencer(photos)['predictions']
    assert set(result['skipped']) == set(bad_images)
    assert len(list((out / 'preds').iterdir())) == 3
    assert inferencer(photos)['skipped'] == {}


def test_results_never_overwrite_each_other(inferencer, photos, tmp_path):
    twin = tmp_path / '000000000790.png'
    cv2.imwrite(str(twin), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(InputError, match='000000000790.json'):
        inferencer([photos[0], str(twin)], out_dir=str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()
    assert len(inferencer([photos[0], str(twin)])['predictions']) == 2


def test_skeleton_reaches_the_visualizer(inferencer):
    meta = inferencer.visualizer.dataset_meta
    assert meta['num_keypoints'] == 17 and (5, 7) in meta['skeleton_links']
    assert meta['classes'] == ('person', )


def test_config_may_come_from_the_checkpoint(config, photos, tmp_path):
    path = str(tmp_path / 'with_config.pth')
    torch.save(
        dict(
            meta=dict(cfg=config.pretty_text),
            state_dict=dict(age=torch.tensor([7.]))), path)
    result = HQNetInferencer(weights=path, device='cpu')(photos[0])
    assert result['predictions'][0]['ages'] == [7, 7]


def test_given_config_is_not_changed(config, checkpoint):
    before = config.pretty_text
    HQNetInferencer(config, checkpoint, 'cpu')
    assert config.pretty_text == before


def test_missing_config(checkpoint):
    with pytest.raises(InputError, match='config nowhere.py does not exist'):
        HQNetInferencer('nowhere.py', checkpoint)


def test_checkpoint_of_another_architecture(config, checkpoint):
    config = Config(config.to_dict())
    config.model.width = 2
    with pytest.raises(InputError, match='1 of .* 1 weights.*first: age'):
        HQNetInferencer(config, checkpoint, 'cpu')
