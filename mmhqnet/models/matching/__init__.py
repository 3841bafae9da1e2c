from .human_query_assigner import (Assignment, HumanQueryAssigner,
                                   denoising_assignment)

__all__ = ['Assignment', 'HumanQueryAssigner', 'denoising_assignment']
