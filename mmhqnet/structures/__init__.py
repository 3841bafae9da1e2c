from .prompts import (Box, Point, Prompt, Scribble, Text, prompt_from_dict,
                      swap_sides)

__all__ = [
    'Box', 'Point', 'Prompt', 'Scribble', 'Text', 'prompt_from_dict',
    'swap_sides'
]
