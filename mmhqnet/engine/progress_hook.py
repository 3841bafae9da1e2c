"""One short line about the training now and then."""
import re
import sys
from datetime import timedelta
from typing import Dict, Optional, Sequence

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmhqnet.registry import HOOKS

# First words of the names of losses, by task.
TASKS = dict(
    box=('cls', 'bbox', 'iou'),
    mask=('mask', 'dice'),
    pose=('kpt', 'oks', 'hm'))


@HOOKS.register_module()
class ProgressHook(Hook):
    """Say step, time left and loss by task, and the scores of a validation.

    The lines go to the standard error, as those of a progress bar, so that
    whoever sends the log elsewhere still sees how far the training is.

    Args:
        interval: Steps from line to line.
        tasks: By task, the first words of its losses' names. Any other first
            word is the name of a task.
    """

    priority = 'BELOW_NORMAL'  # after the hooks that measure

    def __init__(self,
                 interval: int = 50,
                 tasks: Dict[str, Sequence[str]] = TASKS) -> None:
        self.interval = interval
        self.tasks = tasks

    def task_of(self, loss: str) -> str:
        """Name of the task, such as 'pose' of 'd0.loss_kpt_refine'."""
        words = re.sub(r'^(d\d+\.)?(enc_|dn_)?loss_', '', loss).split('_')
        for task, own in self.tasks.items():
            if words[0] in own:
                return task
        return words[0]

    @master_only
    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Say the means of the last steps."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        hub = runner.message_hub
        losses = dict()
        for name, values in hub.log_scalars.items():
            loss = name.removeprefix('train/')
            if loss != name and 'loss_' in loss:
                task = self.task_of(loss)
                losses[task] = losses.get(task, 0.) + values.mean(
                    self.interval)
        step, last = runner.iter + 1, runner.max_iters
        left = timedelta(seconds=round(hub.get_info('eta', 0)))
        _say(f'step {step:{len(str(last))}}/{last}', f'{left} left',
             'loss of ' + _join(losses, '{} {:.2f}'))

    @master_only
    def after_val_epoch(self,
                        runner: Runner,
                        metrics: Optional[Dict[str, float]] = None) -> None:
        """Say the AP of every task."""
        scores = {
            name.rpartition('/')[-1].removesuffix('_AP'): value
            for name, value in (metrics or {}).items() if name.endswith('_AP')
        }
        if scores:
            _say('held-out images', 'AP of ' + _join(scores, '{} {:.3f}'))


def _join(values: Dict[str, float], form: str) -> str:
    return ', '.join(form.format(*item) for item in values.items())


def _say(*parts: str) -> None:
    print('   '.join(parts), file=sys.stderr, flush=True)
