"""B15: the toy forms of models that docs/lite.md compares."""
from mmengine.config import Config

from . import peers
from .measure import Options, interleave
from .prediction import predictor
from .report import Check, Row

TOYS = {
    'lite': 'hqnet-lite-s_toy_mobilenetv2_1xb4_toy-unihuman.py',
    'demo': 'hqnet_demo_r18_1xb4_toy-unihuman.py',
}
SIZE = (128, 128)  # of the drawn images


def row_b15(options: Options) -> Row:
    """Predict with the toy form of Lite-s against the demo's model.

    Args:
        options (Options): How to measure.

    Returns:
        Row: With one check.
    """
    runs = {}
    for name, config in TOYS.items():
        model = Config.fromfile(peers.CONFIGS / 'hqnet' / config).model
        model = peers.build(model, options)
        predict = predictor(model, SIZE, options)
        # one takes too little time
        runs[name] = lambda predict=predict: [predict() for _ in range(20)]
    times = interleave(runs, options)
    return Row([
        Check.of_times(
            "Lite-s / the demo's model, toy forms, 20 images of 128x128",
            times['lite'],
            times['demo'],
            limit='',
            at_most=0.6)
    ])
