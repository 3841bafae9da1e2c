"""Training steps: awkward ground truth, missing labels, repeatability."""
import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner, load_checkpoint, save_checkpoint

from mmhqnet.registry import MODELS

# With `detach_enc_mask`, as in the released code, this one learns nothing.
UNTRAINED = 'bbox_head.task_heads.mask.mask_branches.2.'


def gradients(model, images, samples, seed=0):
    """Losses and the gradients of their sum, None where there is none."""
    model.train().zero_grad()
    torch.manual_seed(seed)
    losses = model.loss(images, copy.deepcopy(samples))
    sum(losses.values()).backward()
    return losses, {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


NUMBERS_OF_PERSONS = dict(
    one=[1], nobody=[0], mixed=[0, 3], nobody_twice=[0, 0], crowd_only=[0])


@pytest.mark.parametrize('case', NUMBERS_OF_PERSONS)
def test_any_number_of_persons(build_model, make_sample, make_images, case):
    model = build_model()
    samples = [
        make_sample(number, seed=seed)
        for seed, number in enumerate(NUMBERS_OF_PERSONS[case])
    ]
    if case == 'crowd_only':
        samples[0].ignored_instances = make_sample(1).gt_instances
    losses, grads = gradients(model, make_images(samples), samples)
    assert len(losses) == 3 * 9 + 2 + 5 + 2 * 3
    for name, loss in losses.items():
        assert loss.shape == () and loss.isfinite(), name
    # Which parameters have a gradient does not depend on the image, as
    # distributed training needs it; of nobody most are zero.
    for name, grad in grads.items():
        assert (grad is None) == name.startswith(UNTRAINED), name
        assert grad is None or grad.isfinite().all(), name
    if not any(NUMBERS_OF_PERSONS[case]):
        for name, loss in losses.items():
            if not name.endswith(('loss_cls', 'loss_kpt_cls', 'loss_hm')):
                assert loss == 0, name
        assert not grads['bbox_head.task_heads.age.branches.1.0.weight'].any()
    # Everything is background for the detector all the same.
    assert grads['bbox_head.cls_branches.1.weight'].any()
    assert grads['bbox_head.task_heads.pose.kpt_cls_branches.1.weight'].any()


def test_crowds_are_background(build_model, make_sample, make_images):
    model = build_model()
    sample = make_sample(2)
    images = make_images([sample])
    without, _ = gradients(model, images, [sample])
    sample.ignored_instances = make_sample(3, seed=7).gt_instances
    with_crowd, _ = gradients(model, images, [sample])
    assert without == with_crowd


def test_more_persons_than_queries(tiny_config, build_model, make_sample,
                                   make_images):
    """As many persons as there are queries are learnt, and no more."""
    model = build_model(tiny_config(num_queries=4))
    samples = [make_sample(6, seed=1), make_sample(2, seed=2)]
    losses, grads = gradients(model, make_images(samples), samples)
    assert all(loss.isfinite() for loss in losses.values())
    assert all(grad is None or grad.isfinite().all()
               for grad in grads.values())
    model.eval()
    with torch.no_grad():
        results = model.predict(make_images(samples), samples)
    assert [len(result.pred_instances) for result in results] == [4, 4]


@pytest.mark.parametrize('task, field, unknown', [
    ('gender', 'genders', -1),
    ('age', 'ages', -1),
])
def test_unlabelled_attributes_give_no_gradient(build_model, make_sample,
                                                make_images, task, field,
                                                unknown):
    model = build_model()
    sample = make_sample(3)
    images = make_images([sample])
    branches = f'bbox_head.task_heads.{task}.branches.'
    _, labelled = gradients(model, images, [sample])
    sample.gt_instances[field][:] = unknown
    losses, unlabelled = gradients(model, images, [sample])
    for name, grad in unlabelled.items():
        if name.startswith(branches):
            assert labelled[name].any() and not grad.any(), name
    assert losses[f'loss_{task}'] == 0
    # Nothing else of the image is affected.
    other = 'bbox_head.task_heads.pose.kpt_branches.1.0.weight'
    assert unlabelled[other].any()


def test_persons_without_masks_give_no_mask_gradient(build_model, make_sample,
                                                     make_images):
    model = build_model()
    sample = make_sample(3)
    sample.gt_instances.mask_valid[:] = False
    losses, grads = gradients(model, make_images([sample]), [sample])
    assert losses['loss_mask'] == losses['loss_dice'] == 0
    for name, grad in grads.items():
        if 'mask_branches' in name or 'pixel_embedding' in name:
            assert grad is None or not grad.any(), name


def test_persons_without_poses_give_no_pose_gradient(build_model, make_sample,
                                                     make_images):
    model = build_model()
    sample = make_sample(3)
    sample.gt_instances.keypoints_visible[:] = 0
    losses, grads = gradients(model, make_images([sample]), [sample])
    for name, loss in losses.items():
        if name.endswith(('_kpt', '_oks', '_refine')):
            assert loss == 0, name
    for name, grad in grads.items():
        if 'kpt_branches' in name or 'pose.refine' in name:
            assert not grad.any(), name
    # But nobody has a pose, which the confidence learns.
    assert losses['loss_kpt_cls'] > 0
    assert grads['bbox_head.task_heads.pose.kpt_cls_branches.1.weight'].any()


@pytest.mark.parametrize('off, names, fields', [
    ('mask', {'loss_mask', 'loss_dice'}, {'masks', 'mask_scores'}),
    ('pose', {
        'loss_kpt_cls', 'loss_kpt', 'loss_oks', 'loss_hm', 'loss_kpt_refine',
        'loss_oks_refine'
    }, {'keypoints', 'keypoint_scores'}),
    ('gender', {'loss_gender'}, {'genders', 'gender_scores'}),
    ('age', {'loss_age'}, {'ages'}),
])
def test_task_switched_off(tiny_config, build_model, make_sample, make_images,
                           off, names, fields):
    """No modules, no losses and no result fields of it; and no labels
    needed."""
    sample = make_sample(2)
    images = make_images([sample])
    everything = build_model()
    all_losses, _ = gradients(everything, images, [sample])
    cfg = tiny_config()
    cfg['bbox_head']['task_heads'][off] = None
    model = build_model(cfg)
    for field in dict(
            mask=('masks', 'mask_valid'),
            pose=('keypoints', 'keypoints_visible', 'areas'),
            gender=('genders', ),
            age=('ages', ))[off]:
        delattr(sample.gt_instances, field)
    losses, _ = gradients(model, images, [sample])

    def plain(name):
        return name.split('.')[-1].removeprefix('enc_')

    gone = set(all_losses) - set(losses)
    assert {plain(name) for name in gone} == names
    assert not names & {plain(name) for name in losses}
    gone = set(everything.state_dict()) - set(model.state_dict())
    assert gone and all(
        key.startswith((f'bbox_head.task_heads.{off}.', 'pixel_embedding.'))
        for key in gone)
    assert any('pixel_embedding' in key for key in gone) == (off == 'mask')
    results = []
    for network in (everything, model):
        network.eval()
        with torch.no_grad():
            result, = network.predict(images, [copy.deepcopy(sample)])
        results.append(set(result.pred_instances.keys()))
    assert results[0] - results[1] == fields


def train(cfg, data, steps=3):
    """A model after a few steps of AdamW in float32."""
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    optim_wrapper = OptimWrapper(
        torch.optim.AdamW(model.parameters(), lr=1e-3),
        clip_grad=dict(max_norm=0.1))
    model.train()
    history = [
        model.train_step(copy.deepcopy(data), optim_wrapper)
        for _ in range(steps)
    ]
    return model, [step['loss'].item() for step in history]


@pytest.fixture
def data(make_sample):
    """What a data loader gives: uint8 images of different sizes."""
    samples = [
        make_sample(2, (64, 96), seed=1, dtype=torch.float32),
        make_sample(3, (80, 64), seed=2, dtype=torch.float32)
    ]
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(
            0,
            256, (3, *sample.img_shape),
            dtype=torch.uint8,
            generator=generator) for sample in samples
    ]
    return dict(inputs=images, data_samples=samples)


def test_same_seed_same_weights(tiny_config, data):
    """With all the randomness of training: noise, points, dropout."""
    cfg = tiny_config()
    for part in ('refine', 'heatmap'):
        cfg['bbox_head']['task_heads']['pose'][part]['dropout'] = 0.1
    first, losses = train(cfg, data)
    second, same_losses = train(cfg, data)
    assert losses == same_losses
    state = second.state_dict()
    for name, value in first.state_dict().items():
        assert value.equal(state[name]), name


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_mixed_precision(build_model, data, dtype):
    """Losses, gradients and results are finite, in float32, and similar."""
    model = build_model(dtype=torch.float32).train()
    inputs = model.data_preprocessor(copy.deepcopy(data), training=True)
    torch.manual_seed(0)
    expected = model(**inputs, mode='loss')
    torch.manual_seed(0)
    with torch.autocast('cpu', dtype=dtype):
        losses = model(**inputs, mode='loss')
    for name, loss in losses.items():
        assert loss.isfinite() and loss.dtype == torch.float32, name
    for name in ('cls', 'bbox', 'mask', 'kpt', 'hm', 'gender', 'age'):
        assert f'loss_{name}' in losses
    total, expected = sum(losses.values()), sum(expected.values())
    assert abs(total - expected) < 0.1 * expected
    total.backward()
    assert all(parameter.grad.isfinite().all()
               for parameter in model.parameters()
               if parameter.grad is not None)
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', dtype=dtype):
        results = model(**inputs, mode='predict')
    for result in results:
        assert {'bboxes', 'masks', 'keypoints', 'genders',
                'ages'} <= set(result.pred_instances.keys())
        for field, value in result.pred_instances.items():
            assert value.dtype in (torch.float32, torch.int64,
                                   torch.bool), field
            assert value.isfinite().all(), field


def test_losses_go_down(tiny_config, data):
    _, losses = train(tiny_config(), data, steps=25)
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_saved_is_loaded(tiny_config, data, tmp_path):
    model, _ = train(tiny_config(), data)
    path = str(tmp_path / 'model.pth')
    save_checkpoint(
        dict(state_dict=model.state_dict(), meta=dict(epoch=1)), path)
    loaded = MODELS.build(tiny_config())
    load_checkpoint(loaded, path, strict=True)
    results = []
    for network in (model, loaded):
        network.eval()
        results.append(network.test_step(copy.deepcopy(data)))
    for ours, theirs in zip(*results):
        for field, value in ours.pred_instances.items():
            assert value.equal(theirs.pred_instances[field]), field


class SeedEachIteration(Hook):
    """mmengine does not save the state of the random numbers."""

    def before_train_iter(self, runner, **kwargs):
        torch.manual_seed(runner.iter)


def run(cfg, data, work_dir, max_iters, **kwargs):
    """Train with mmengine's runner, a checkpoint every two iterations."""
    pairs = zip(data['inputs'], data['data_samples'])
    # One epoch is enough: mmengine sleeps between epochs.
    dataset = 4 * [
        dict(inputs=image, data_samples=sample) for image, sample in pairs
    ]
    runner = Runner(
        model=cfg,
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=2,
            dataset=copy.deepcopy(dataset),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate')),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False,
                            interval=2)),
        custom_hooks=[SeedEachIteration()],
        randomness=dict(seed=0),
        default_scope='mmdet',
        log_level='ERROR',
        experiment_name=work_dir.name,
        **kwargs)
    return runner.train()


def test_resumed_is_uninterrupted(tiny_config, data, tmp_path):
    expected = run(tiny_config(), data, tmp_path / 'whole', 4).state_dict()
    run(tiny_config(), data, tmp_path / 'half', 2)
    resumed = run(
        tiny_config(),
        data,
        tmp_path / 'rest',
        4,
        load_from=str(tmp_path / 'half/iter_2.pth'),
        resume=True)
    for name, value in resumed.state_dict().items():
        assert value.equal(expected[name]), name
