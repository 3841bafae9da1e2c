import gc
import itertools
import json
import threading
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from pycocotools import mask as run_length_code

from mmhqnet.apis import HQNetInferencer
from mmhqnet.datasets import CocoUniHumanDataset
from mmhqnet.errors import InputError
from mmhqnet.registry import TRANSFORMS
from mmhqnet.testing import build_model, tiny_config
from mmhqnet.visualization import HumanLocalVisualizer

ROOT = Path(__file__).parents[2]


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


def test_picture_and_json_have_the_same_name(inferencer, photos, tmp_path):
    array = mmcv.imread(photos[1])
    inferencer([array, photos[0], array],
               out_dir=tmp_path / 'out',
               no_save_pred=False)
    stems = [{path.stem
              for path in (tmp_path / 'out' / folder).iterdir()}
             for folder in ('vis', 'preds')]
    assert stems[0] == stems[1] == {'00000000', '000000000790', '00000002'}


def test_paths_and_grey_arrays(inferencer, photos):
    path = Path(photos[0])
    expected = inferencer(photos[0])['predictions']
    assert inferencer(path)['predictions'] == expected
    assert inferencer([path])['predictions'] == expected
    grey = mmcv.imread(photos[0], 'grayscale')
    assert inferencer(grey)['predictions'] == inferencer(
        np.dstack([grey] * 3))['predictions']


@pytest.mark.parametrize('image, message', [
    (np.zeros((0, 5, 3), np.uint8), 'not empty'),
    (np.zeros((5, 5, 2), np.uint8), 'shape'),
    (np.full((5, 5, 3), np.nan), 'floats'),
    (np.zeros((1, 3000, 3), np.uint8), '3000 x 1 pixels'),
    (Path('none.jpg'), 'none.jpg'),
    ('', 'empty path'),
    (dict(a=1), 'a dict is no image'),
    (None, 'a NoneType is no image'),
])
def test_odd_images_cost_the_others_nothing(inferencer, photos, image,
                                            message):
    result = inferencer([photos[0], image, photos[1]], batch_size=3)
    assert result['predictions'] == inferencer(photos[:2])['predictions']
    reason, = result['skipped'].values()
    assert message in reason and '\n' not in reason
    with pytest.raises(InputError, match=message):
        inferencer(image)


def test_classes_as_types(config, checkpoint, photos):
    """As configs of the new style have them."""
    expected = HQNetInferencer(config, checkpoint, 'cpu')(photos[0])
    config = Config(config.to_dict())
    for step in config.test_dataloader.dataset.pipeline:
        step.type = TRANSFORMS.get(step.type)
    config.test_dataloader.dataset.type = CocoUniHumanDataset
    config.visualizer.type = HumanLocalVisualizer
    result = HQNetInferencer(config, checkpoint, 'cpu')(photos[0])
    assert result['predictions'] == expected['predictions']


@pytest.mark.parametrize('name, message', [
    ('hqnet_r50_16xb1-100e_coco-unihuman', 'not published; give a checkpoint'),
    ('hqnet_r50_16xb1-100e_coco-unihumam', 'did you mean hqnet_r50_16xb1-100e'
     '_coco-unihuman'),
    ('yolo', 'yolo is neither a config file nor a model of mmhqnet'),
])
def test_names_of_the_zoo(name, message):
    with pytest.raises(InputError, match=message):
        HQNetInferencer(name, device='cpu')


def test_an_address_as_checkpoint(config, photos, serve, hostile):
    address = serve(dict(state_dict=dict(age=torch.tensor([63.]))))
    result = HQNetInferencer(config, address, 'cpu')(photos[0])
    assert result['predictions'][0]['ages'] == [63, 63]
    with pytest.raises(InputError, match='is refused'):
        HQNetInferencer(config, serve(dict(state_dict=hostile), 'y.pth'))


def test_stream_gives_an_image_after_the_other(inferencer, photos):
    results = list(inferencer.stream(photos, batch_size=2))
    assert [persons.path for persons in results] == photos
    for persons, path in zip(results, photos):
        single, = inferencer.predict(path)
        assert persons.to_dict() == single.to_dict()
        assert persons.image.shape == mmcv.imread(path).shape
        assert len(persons) == 1  # the other one scores 0.2
    both, = inferencer.predict(photos[0], score_thr=0.1)
    assert [person.score for person in both] == pytest.approx([0.9, 0.2])


def test_stream_equals_call(inferencer, photos):
    persons, = inferencer.predict(photos[0], score_thr=0)
    expected, = inferencer(photos[0])['predictions']
    assert [p.age for p in persons] == expected['ages']
    assert persons.columns['bboxes'].tolist() == expected['bboxes']
    codes = [p['mask'] for p in persons.to_dict()['persons']]
    assert codes == expected['masks']


def test_stream_keeps_errors_in_their_place(inferencer, photos, bad_images):
    mixed = [photos[0], *bad_images, photos[1]]
    results = list(inferencer.stream(mixed, batch_size=2))
    assert [persons.path for persons in results] == mixed
    assert [bool(persons.error)
            for persons in results] == [False] + [True] * 5 + [False]
    assert all(len(persons) == 0 for persons in results[1:-1])


def test_frames_of_a_stream_can_be_chosen(inferencer):
    frames = (np.full((20, 30, 3), i, np.uint8) for i in range(100))
    results = inferencer.stream(frames, every=3, start=10, stop=20)
    assert [int(persons.image[0, 0, 0])
            for persons in results] == [10, 13, 16, 19]


def test_stream_reads_only_a_little_ahead(inferencer):
    read = []

    def camera():
        try:
            for i in itertools.count():
                read.append(i)
                yield np.zeros((20, 30, 3), np.uint8)
        finally:
            read.append('closed')

    for number, persons in enumerate(inferencer.stream(camera())):
        if number == 5:
            break
    del persons
    gc.collect()
    assert read[-1] == 'closed' and len(read) < 13
    assert threading.active_count() == 1


def test_errors_of_a_source_are_raised_in_their_place(inferencer):

    def broken():
        yield np.zeros((20, 30, 3), np.uint8)
        raise OSError('unplugged')

    stream = inferencer.stream(broken())
    assert len(next(stream)) == 1
    with pytest.raises(OSError, match='unplugged'):
        next(stream)


@pytest.mark.parametrize(
    'options',
    [dict(batch_size=0),
     dict(every=0),
     dict(start=-1),
     dict(stop=-1)])
def test_bad_options(inferencer, photos, options):
    with pytest.raises(InputError, match='at least 1'):
        list(inferencer.stream(photos, **options))


def test_tasks_can_be_left_out(tmp_path, photos):
    model = tiny_config()
    init_default_scope('mmdet')
    weights = build_model(model, torch.float32).state_dict()
    path = tmp_path / 'tiny.pth'
    torch.save(dict(state_dict=weights), path)
    config = Config.fromfile(ROOT / 'configs/hqnet'
                             '/hqnet_r50_16xb1-100e_coco-unihuman.py')
    config.model = model
    config.test_dataloader.dataset.pipeline[1].scale = (96, 96)
    everything, = HQNetInferencer(config, path, 'cpu').predict(
        photos[0], score_thr=0.)
    some = HQNetInferencer(config, path, 'cpu', tasks=('pose', 'age'))
    persons, = some.predict(photos[0], score_thr=0.)
    assert set(some.model.bbox_head.task_heads) == {'pose', 'age'}
    assert not hasattr(persons[0], 'mask')
    for name in ('bboxes', 'keypoints', 'ages'):
        np.testing.assert_allclose(
            persons.columns[name], everything.columns[name], rtol=1e-4)
    masks = HQNetInferencer(config, path, 'cpu')(photos[0])['predictions']
    assert masks[0]['masks'] == [
        dict(size=code['size'], counts=code['counts'].decode())
        for code in everything.columns['masks']
    ]
    with pytest.raises(InputError, match="no task 'nose'; it has mask, pose"):
        HQNetInferencer(config, path, 'cpu', tasks=['nose'])


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
