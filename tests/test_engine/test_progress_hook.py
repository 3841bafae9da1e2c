from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from mmhqnet.engine import ProgressHook


@pytest.mark.parametrize('loss, task', [
    ('loss_cls', 'box'),
    ('d0.dn_loss_bbox', 'box'),
    ('enc_loss_iou', 'box'),
    ('loss_dice', 'mask'),
    ('d1.loss_kpt_refine', 'pose'),
    ('loss_hm', 'pose'),
    ('enc_loss_gender', 'gender'),
    ('loss_helmet', 'helmet'),
    ('d2.loss_height_cm', 'height'),
])
def test_task_of_loss(loss, task):
    assert ProgressHook().task_of(loss) == task


@pytest.fixture
def runner(request):
    """After 10 steps of 20, with losses that fall from step to step."""
    hub = MessageHub.get_instance(request.node.name)
    for step in range(10):
        hub.update_scalar('train/loss', 99.)
        hub.update_scalar('train/loss_cls', torch.tensor(10. - step))
        hub.update_scalar('train/d0.loss_cls', 1.)
        hub.update_scalar('train/loss_age', 0.5)
        hub.update_scalar('train/time', 1.)
    hub.update_info('eta', 83.4)
    return SimpleNamespace(message_hub=hub, iter=9, max_iters=20)


def test_line(runner, capsys):
    ProgressHook(interval=5).after_train_iter(runner, 9)
    out, line = capsys.readouterr()
    # cls of the last five steps: 5 + 4 + 3 + 2 + 1, mean 3
    assert line == ('step 10/20   0:01:23 left   '
                    'loss of box 4.00, age 0.50\n')
    assert not out


def test_silent_between_lines(runner, capsys):
    ProgressHook(interval=4).after_train_iter(runner, 9)
    assert capsys.readouterr().err == ''


def test_scores(runner, capsys):
    hook = ProgressHook()
    hook.after_val_epoch(
        runner, {
            'unihuman/box_AP': 0.5,
            'unihuman/box_AP_50': 0.75,
            'unihuman/age_AP': 0.25
        })
    assert capsys.readouterr().err == (
        'held-out images   AP of box 0.500, age 0.250\n')
    hook.after_val_epoch(runner, {})
    assert capsys.readouterr().err == ''
