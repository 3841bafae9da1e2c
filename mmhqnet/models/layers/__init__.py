from .denoising import DenoisingQueryGenerator
from .graph_attention import GraphAttention
from .instance_mask_head import InstanceMaskHead, mask_features
from .keypoint_heatmap import KeypointHeatmap
from .mlp import build_mlp
from .pixel_embedding import PixelEmbedding
from .point_sampling import sample_points, uncertain_points
from .pose_centric_decoder import PoseCentricDecoder, move_joints, with_centre
from .transformer import (DecoderLayer, EncoderLayer, HQNetDecoder,
                          HQNetEncoder, init_transformer)

__all__ = [
    'DenoisingQueryGenerator', 'GraphAttention', 'InstanceMaskHead',
    'mask_features', 'KeypointHeatmap', 'build_mlp', 'PixelEmbedding',
    'sample_points', 'uncertain_points', 'PoseCentricDecoder', 'move_joints',
    'with_centre', 'DecoderLayer', 'EncoderLayer', 'HQNetDecoder',
    'HQNetEncoder', 'init_transformer'
]
