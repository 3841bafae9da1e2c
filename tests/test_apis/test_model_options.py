"""Tasks are switched off in the config; heads are put back as they were."""
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmhqnet import testing
from mmhqnet.apis.model_options import choose_tasks, kept_persons_only
from mmhqnet.errors import InputError
from mmhqnet.models.task_heads import MaskHead


def switched_on(tasks, attributes=True):
    init_default_scope('mmdet')
    cfg = Config(dict(model=testing.tiny_config()))
    choose_tasks(cfg, tasks, attributes)
    heads = cfg.model.bbox_head.task_heads
    return {name for name, head in heads.items() if head}


@pytest.mark.parametrize('tasks, attributes, expected', [
    (None, True, {'mask', 'pose', 'gender', 'age'}),
    (None, False, {'mask', 'pose'}),
    (['mask', 'age'], True, {'mask', 'age'}),
    (['mask', 'age'], False, {'mask'}),
    ('pose', True, {'pose'}),
    ([], True, set()),
])
def test_chosen_tasks(tasks, attributes, expected):
    assert switched_on(tasks, attributes) == expected


def test_unknown_task():
    with pytest.raises(InputError, match="no task 'poses'; it has mask, pose"):
        switched_on(['poses'])


def test_model_is_as_before_afterwards():
    init_default_scope('mmdet')
    model = testing.build_model()
    before = dict(model.bbox_head.test_cfg)
    mask, = (part for part in model.modules() if isinstance(part, MaskHead))
    with pytest.raises(KeyError):
        with kept_persons_only(model, 0.4, with_queries=True):
            inside = dict(model.bbox_head.test_cfg)
            assert mask.run_length
            raise KeyError
    assert inside == dict(before, score_thr=0.4, with_queries=True)
    assert dict(model.bbox_head.test_cfg) == before and not mask.run_length
