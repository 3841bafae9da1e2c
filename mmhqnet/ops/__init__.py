from .deformable_attention import MSDeformAttention
from .functional import ms_deform_attn
from .roi_align import roi_align

__all__ = ['MSDeformAttention', 'ms_deform_attn', 'roi_align']
