import pytest


# One version after the other: each model is built once.
@pytest.fixture(scope='module', params=['light', 'full'])
def version(request):
    return request.param
