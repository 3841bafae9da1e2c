from .deformable_attention import MSDeformAttention, ms_deform_attn

__all__ = ['MSDeformAttention', 'ms_deform_attn']
