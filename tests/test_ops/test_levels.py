import torch

from mmhqnet.ops.levels import as_shapes, constant, level_starts


def test_sizes_of_any_kind_become_python_numbers():
    expected = ((6, 9), (3, 5))
    for shapes in (expected, [[6, 9], [3, 5]], torch.tensor(expected)):
        assert as_shapes(shapes) == expected


def test_where_each_level_starts():
    assert level_starts(((6, 9), (3, 5), (2, 2))) == (0, 54, 69)
    assert level_starts(((6, 9), )) == (0, )


def test_constants_are_never_shared_on_the_cpu():
    first, second = (
        constant((1, 2), torch.float32, torch.device('cpu')) for _ in range(2))
    first += 1
    assert second.tolist() == [1, 2] and second.dtype == torch.float32
