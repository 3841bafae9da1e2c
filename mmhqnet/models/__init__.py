from mmhqnet.collector import resting_collector

with resting_collector():
    from mmhqnet.ops import *  # noqa: F401,F403

    from .backbones import *  # noqa: F401,F403
    from .crop_models import *  # noqa: F401,F403
    from .detectors import *  # noqa: F401,F403
    from .heads import *  # noqa: F401,F403
    from .layers import *  # noqa: F401,F403
    from .losses import *  # noqa: F401,F403
    from .matching import *  # noqa: F401,F403
    from .necks import *  # noqa: F401,F403
    from .pose_refiners import *  # noqa: F401,F403
    from .prompt_encoders import *  # noqa: F401,F403
    from .task_heads import *  # noqa: F401,F403
