"""Tiny models and samples, for tests, benchmarks and authors of plugins."""
from .models import build_model, randomise, tiny_config
from .querypose import tiny_querypose_config
from .samples import draw_data_set, make_encoded, make_images, make_sample
from .uniphd import tiny_uniphd_config

__all__ = [
    'build_model', 'draw_data_set', 'make_encoded', 'make_images',
    'make_sample', 'randomise', 'tiny_config', 'tiny_querypose_config',
    'tiny_uniphd_config'
]
