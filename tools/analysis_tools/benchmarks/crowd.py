"""B3: many persons in the image, for HQNet and for cascades."""
from typing import Dict

from . import peers
from .cascade import build_cascades, limit_detections
from .limits import count_macs, mac_limit
from .measure import Options, interleave
from .prediction import predictor
from .report import Check, Row

SIZE = (800, 800)
PERSONS = (1, 3, 6, 12, 25, 50)
AS_SHIPPED = 'HQNet as shipped (keeps 100 persons)'
AS_MANY = 'HQNet, keeps as many persons as there are'
LITE = 'HQNet-Lite-s, keeps as many persons as there are'
Curve = Dict[int, float]


def row_b3(options: Options) -> Row:
    """Seconds by the number of persons.

    HQNet as shipped returns its 100 best queries whatever it sees, so that
    its work does not depend on the persons at all; it is also measured with
    as many kept as there are.

    Args:
        options (Options): How to measure.

    Returns:
        Row: 50 persons against 1, crossovers with the cascades, and curves.
    """
    size = options.pick(SIZE, (64, 96))
    persons = options.pick(PERSONS, (1, 3))
    few, many = persons[0], persons[-1]
    hqnet = peers.build_hqnet(options)
    shipped = hqnet.bbox_head.test_cfg.max_per_img

    def keep(kept, number, model=hqnet):
        predict = predictor(model, size, options, seed=number)

        def run():
            limit_detections(model, kept)
            return predict()

        return run

    runs = {('shipped', n): keep(shipped, n) for n in (few, many)}
    runs.update({('as many', n): keep(n, n) for n in (few, many)})
    times = interleave(runs, options)
    checks = []
    for key, name in (('shipped', AS_SHIPPED), ('as many', AS_MANY)):
        over, under = (key, many), (key, few)
        checks.append(
            Check.of_times(
                f'{many} / {few} persons, {name}',
                times[over],
                times[under],
                limit=mac_limit(
                    count_macs(runs[over]), count_macs(runs[under])),
                at_most=1.05))

    runs = {(AS_SHIPPED, n): keep(shipped, n) for n in persons}
    runs.update({(AS_MANY, n): keep(n, n) for n in persons})
    lite = peers.build_lite(options)
    runs.update({(LITE, n): keep(n, n, lite) for n in persons})
    for name, cascade in build_cascades(options).items():
        runs.update({
            (name, n): cascade.predictor(n, size, options)
            for n in persons
        })
    # The slowest of all rows; its differences are large.
    times = interleave(runs, options, repeats=min(options.repeats, 3))
    curves = {}
    for (name, number), timing in times.items():
        curves.setdefault(name, {})[number] = timing.wall
    macs = {
        key: count_macs(run)
        for key, run in runs.items() if key[1] in (few, many)
    }
    # Targets: with equal backbones, the boxes of DINO, and the light ones.
    bounds = {('HQNet', 'DINO'): 6., ('HQNet-Lite-s', 'RTMDet-tiny'): 4.}
    for name in list(curves)[3:]:
        slope = (macs[name, many] - macs[name, few]) / (many - few)
        for ours, curve in (('HQNet', AS_SHIPPED), ('HQNet-Lite-s', LITE)):
            gap = macs[curve, few] - macs[name, few] + slope * few
            checks.append(
                Check(
                    f'persons from which {ours} is faster than {name}',
                    crossover(curves[name], curves[curve]),
                    limit=f'{gap / slope:.1f} ({gap / 1e9:.1f} GMAC, '
                    f'{slope / 1e9:.2f} per person)',
                    at_most=bounds.get((ours, name.split(' ')[0])),
                    sides=(curves[name][few], curves[curve][few]),
                    unit=f's with {few}'))
    return Row(checks, curves=curves)


def crossover(rising: Curve, flat: Curve) -> float:
    """Number of persons from which one curve is above the other.

    Args:
        rising (dict[int, float]): Seconds by number of persons.
        flat (dict[int, float]): The same, of the other side.

    Returns:
        float: Between measured numbers by interpolation, beyond them by
        extrapolation of the last two; at least the first one. Infinite if
        the curves do not come together.
    """
    numbers = sorted(rising)
    gaps = [rising[number] - flat[number] for number in numbers]
    if gaps[0] >= 0:
        return float(numbers[0])
    steps = list(zip(numbers, numbers[1:], gaps, gaps[1:]))
    for step in steps:
        if step[-1] >= 0:
            break
    first, second, gap, next_gap = step
    if next_gap <= gap:
        return float('inf')
    return first + (second - first) * -gap / (next_gap - gap)


def draw(curves: Dict[str, Curve], machine: dict):
    """Draw seconds by number of persons.

    Args:
        curves (dict): Seconds by name and number of persons.
        machine (dict): What was measured on.

    Returns:
        matplotlib.figure.Figure: The figure.
    """
    from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 5.5), layout='constrained')
    axes = figure.subplots()
    styles = ('-', '--', '-', '-', '-', '-')
    colours = ('#cc3311', '#cc3311', '#ee7733', '#0077bb', '#009988',
               '#999999')
    for (name, curve), style, colour in zip(curves.items(), styles, colours):
        axes.plot(
            list(map(int, curve)),
            curve.values(),
            style,
            color=colour,
            marker='o',
            markersize=3,
            label=name)
    threads = machine['threads']
    where = machine['gpu'] or (f'{machine["processor"]}, {threads} '
                               f'thread{"s" if threads > 1 else ""}')
    axes.set(
        title=f'One image: {where}',
        xlabel='persons',
        ylabel='seconds',
        xlim=(0, None),
        ylim=(0, None))
    figure.legend(loc='outside lower center', frameon=False)
    axes.spines[['top', 'right']].set_visible(False)
    return figure
