from .prompts import (Box, Point, Prompt, Scribble, Text, prompt_from_dict,
                      prompt_from_option, swap_sides)

__all__ = [
    'Box', 'Point', 'Prompt', 'Scribble', 'Text', 'prompt_from_dict',
    'prompt_from_option', 'swap_sides'
]
