"""B13: poses refined by part queries instead of a decoder."""
from . import peers
from .limits import count_macs, mac_limit
from .measure import Options, interleave
from .memory import measure_peak
from .prediction import predictor
from .report import Check, Row


def row_b13(options: Options) -> Row:
    """Predict with both refiners: time and memory.

    Args:
        options (Options): How to measure.

    Returns:
        Row: As many persons are refined as are kept.
    """
    size = options.pick((800, 800), (64, 96))
    models = dict(
        parts=peers.build_part_queries(options),
        decoder=peers.build_hqnet(options))
    runs = {
        name: predictor(model, size, options)
        for name, model in models.items()
    }
    times = interleave(runs, options)
    number = models['decoder'].bbox_head.test_cfg.max_per_img
    where = f'predict {number} persons, {size[0]}x{size[1]}'
    peaks = [
        measure_peak(side, size, options) for side in ('part_queries', 'hqnet')
    ]
    return Row([
        Check.of_times(
            f'part queries / refinement decoder, {where}',
            times['parts'],
            times['decoder'],
            limit=mac_limit(*map(count_macs, runs.values())),
            at_most=1.35),
        Check(
            f'memory, part queries / refinement decoder, {where}',
            peaks[0] / peaks[1],
            limit='32 regions at a time',
            at_most=1.2,
            sides=tuple(peak / 1e6 for peak in peaks),
            unit='MB')
    ])
