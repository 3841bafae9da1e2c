from .errors import InputError, one_line_errors
from .setup_env import register_all_modules

__all__ = ['InputError', 'one_line_errors', 'register_all_modules']
