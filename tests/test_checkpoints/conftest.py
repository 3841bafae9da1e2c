import json
from pathlib import Path

import pytest
import torch

REFERENCE_KEYS = (
    Path(__file__).parents[1] / 'data/parity/reference_keys.json')


@pytest.fixture(scope='module')
def official():
    """Weights of the release that differ from each other, without memory."""
    shapes = json.loads(REFERENCE_KEYS.read_text())
    return {
        name: torch.tensor(float(number)).expand(shape)
        for number, (name, shape) in enumerate(shapes.items(), 1)
    }
