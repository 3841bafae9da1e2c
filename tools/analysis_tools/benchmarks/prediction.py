"""B1: all tasks for the price of detection. B2: the same work done naively."""
import math

import torch
from torch import nn

from . import peers
from .limits import count_macs, mac_limit
from .measure import Options, interleave
from .naive import make_naive, random_poses
from .people import make_empty_sample, make_inputs
from .report import Check, Row

SIZES = ((480, 640), (800, 800))


def predictor(model: nn.Module,
              size: tuple,
              options: Options,
              seed: int = 0,
              batch_size: int = 1):
    """A function that lets a model predict.

    Args:
        model (nn.Module): The detector.
        size (tuple[int, int]): Height and width.
        options (Options): With the device.
        seed (int): Which random images.
        batch_size (int): How many.

    Returns:
        Callable: Without arguments; returns the samples.
    """
    images = make_inputs(size, options, seed, batch_size)
    samples = [make_empty_sample(size) for _ in images]

    @torch.no_grad()
    def predict():
        with torch.autocast(
                options.device,
                options.amp_dtype,
                enabled=options.amp_dtype is not None):
            return model.predict(images, samples)

    return predict


def row_b1(options: Options) -> Row:
    """Predict with all tasks against DINO.

    Args:
        options (Options): How to measure.

    Returns:
        Row: With DINO as shipped, and with our attention in it.
    """
    hqnet, dino = peers.build_hqnet(options), peers.build_dino(options)
    models = dict(
        hqnet=hqnet, dino=dino, swapped=peers.with_our_attention(dino))
    checks = []
    for size in options.pick(SIZES, [(64, 96)]):
        runs = {
            name:
            predictor(model, size, options, batch_size=options.batch_size)
            for name, model in models.items()
        }
        times = interleave(runs, options)
        limit = mac_limit(count_macs(runs['hqnet']), count_macs(runs['dino']))
        where = f'{size[0]}x{size[1]}'
        checks += [
            Check.of_times(
                f'all tasks / DINO as shipped, {where}',
                times['hqnet'],
                times['dino'],
                limit=limit,
                at_most=1.),
            Check.of_times(
                f'all tasks / DINO with our attention, {where}',
                times['hqnet'],
                times['swapped'],
                limit=limit,
                at_most=1.25)
        ]
    return Row(checks)


def row_b2(options: Options) -> Row:
    """A naive HQNet against ours, and the refinement of poses alone.

    Args:
        options (Options): How to measure.

    Returns:
        Row: Whole prediction, refinement, and its cross-attention.
    """
    check_equal_outputs()
    hqnet = peers.build_hqnet(options)
    size = options.pick((480, 640), (64, 96))
    runs = dict(
        naive=predictor(make_naive(hqnet), size, options),
        ours=predictor(hqnet, size, options))
    times = interleave(runs, options)
    where = f'{size[0]}x{size[1]}'
    number = hqnet.bbox_head.test_cfg.max_per_img
    checks = [
        Check.of_times(
            f'naive / ours, predict {number} persons, {where}',
            times['naive'],
            times['ours'],
            limit=mac_limit(*map(count_macs, runs.values())),
            at_least=1.9)
    ]
    return Row(checks + _refinement_checks(hqnet, size, options))


def _refinement_checks(hqnet: nn.Module, size: tuple, options: Options):
    """The refinement of 50 poses, and its cross-attention alone."""
    number = options.pick(50, 3)
    refine = hqnet.bbox_head.task_heads['pose'].refine
    naive = make_naive(refine)
    shapes = [
        tuple(math.ceil(length / stride) for length in size)
        for stride in (8, 16, 32, 64)
    ]
    inputs = random_poses(refine, number, shapes, options)
    query = torch.randn(
        *inputs['poses'].shape[:2], refine.embed_dims, device=options.device)
    reference = inputs['poses'][:, :, None].expand(-1, -1, len(shapes), -1)
    rows = dict(
        value=inputs['encoded'].memory,
        spatial_shapes=shapes,
        query_counts=[query[..., 0].numel()])

    def refinement(decoder):
        return torch.no_grad()(lambda: decoder(**inputs)[-1]['keypoints'])

    @torch.no_grad()
    def attend_ours():
        return refine.layers[0].cross_attn(
            query.flatten(0, 1)[None],
            query_pos=query.flatten(0, 1)[None],
            reference_points=reference.flatten(0, 1)[None],
            **rows)[0].unflatten(0, query.shape[:2])

    @torch.no_grad()
    def attend_naively():
        return naive.layers[0].attend(
            query,
            query,
            reference, [number],
            inputs['encoded'].memory,
            spatial_shapes=shapes)

    where = f'{number} persons, {size[0]}x{size[1]}'
    checks = []
    parts = {
        'cross-attention of the pose refinement':
        (attend_naively, attend_ours, 40.),
        # The rest of it works on the queries alone, in both.
        'whole pose refinement': (refinement(naive), refinement(refine), None),
    }
    for what, (theirs, ours, target) in parts.items():
        torch.testing.assert_close(theirs(), ours(), rtol=1e-3, atol=1e-3)
        times = interleave(dict(naive=theirs, ours=ours), options)
        checks.append(
            Check.of_times(
                f'naive / ours, {what}, {where}',
                times['naive'],
                times['ours'],
                limit=mac_limit(count_macs(theirs), count_macs(ours)),
                at_least=target))
    return checks


def check_equal_outputs() -> None:
    """Both formulations find the same, in float64 and with a tiny model.

    In float32 two tokens with nearly equal scores may change places.

    Raises:
        AssertionError: If they do not.
    """
    tiny = Options(quick=True)
    hqnet = peers.build_hqnet(tiny).double()
    with torch.no_grad():
        for parameter in hqnet.parameters():
            parameter += .02 * torch.randn_like(parameter)
    image = make_inputs((64, 96), tiny).double()
    ours, naive = (
        torch.no_grad()(model.predict)(image, [make_empty_sample(
            (64, 96))])[0].pred_instances
        for model in (hqnet, make_naive(hqnet)))
    assert set(ours.keys()) == set(naive.keys())
    for field, value in ours.items():
        torch.testing.assert_close(value, naive[field], rtol=1e-6, atol=1e-6)
