from .box_relative import from_box, to_box
from .denoising import DenoisingQueryGenerator
from .graph_attention import GraphAttention
from .instance_mask_head import InstanceMaskHead, mask_features
from .keypoint_heatmap import KeypointHeatmap
from .map_resizing import resize_maps
from .mlp import build_mlp
from .part_groups import resolve_part_groups
from .part_queries import PartPoseBranch, PartQueryLayer, RegionUpsampling
from .pixel_embedding import PixelEmbedding
from .point_sampling import sample_points, uncertain_points
from .pose_centric_decoder import PoseCentricDecoder, move_joints, with_centre
from .region_extractor import RegionExtractor
from .transformer import (DecoderLayer, EncoderLayer, HQNetDecoder,
                          HQNetEncoder, init_transformer)

__all__ = [
    'from_box', 'to_box', 'DenoisingQueryGenerator', 'GraphAttention',
    'InstanceMaskHead', 'mask_features', 'KeypointHeatmap', 'build_mlp',
    'resize_maps', 'resolve_part_groups', 'PartPoseBranch', 'PartQueryLayer',
    'RegionUpsampling', 'PixelEmbedding', 'sample_points', 'uncertain_points',
    'PoseCentricDecoder', 'move_joints', 'with_centre', 'RegionExtractor',
    'DecoderLayer', 'EncoderLayer', 'HQNetDecoder', 'HQNetEncoder',
    'init_transformer'
]
