from .denoising import DenoisingQueryGenerator
from .keypoint_heatmap import KeypointHeatmap
from .mlp import build_mlp
from .pixel_embedding import PixelEmbedding
from .point_sampling import sample_points, uncertain_points
from .transformer import (DecoderLayer, EncoderLayer, HQNetDecoder,
                          HQNetEncoder, init_transformer)

__all__ = [
    'DenoisingQueryGenerator', 'KeypointHeatmap', 'build_mlp',
    'PixelEmbedding', 'sample_points', 'uncertain_points', 'DecoderLayer',
    'EncoderLayer', 'HQNetDecoder', 'HQNetEncoder', 'init_transformer'
]
