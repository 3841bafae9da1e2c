"""One value projection per image is the same as a memory for each person."""
import pytest
import torch
from mmdet.models.layers import DeformableDetrTransformerDecoder
from torch import nn

from mmhqnet.errors import InputError
from mmhqnet.models.pose_refiners import PoseRefinementDecoder

DIMS, K = 32, 17


@pytest.fixture
def refine(randomise):
    torch.manual_seed(0)
    module = PoseRefinementDecoder(
        embed_dims=DIMS, feedforward_channels=40, num_keypoints=K)
    module.init_weights()
    return randomise(module.double()).eval()


@pytest.fixture(params=['full', 'padded'])
def encoded(request, make_sample, make_encoded):
    shapes = [(64, 96), (64, 96), (64, 96)]
    if request.param == 'padded':
        shapes[1:] = [(48, 70), (64, 50)]
    return make_encoded(
        [make_sample(img_shape=shape, canvas=(64, 96)) for shape in shapes])


def apply(module, poses, persons_per_image, encoded):
    """Refined poses; the decoder reads neither queries nor boxes."""
    refined = module(poses, None, None, persons_per_image, encoded)
    assert all(step.keys() == {'keypoints'} for step in refined)
    return [step['keypoints'] for step in refined]


def random_poses(number):
    generator = torch.Generator().manual_seed(number)
    return torch.rand(number, K, 2, generator=generator).double()


PERSONS_PER_IMAGE = [(2, 0, 3), (1, 1, 1), (0, 4, 0)]


@pytest.mark.parametrize('persons_per_image', PERSONS_PER_IMAGE)
def test_equals_mmdets_decoder_with_copied_memory(refine, encoded,
                                                  persons_per_image):
    """mmdet's decoder: persons are the batch, each with its own memory."""
    layer_cfg = dict(
        self_attn_cfg=dict(embed_dims=DIMS, num_heads=8, dropout=0.1),
        cross_attn_cfg=dict(embed_dims=DIMS, num_heads=8, dropout=0.1),
        ffn_cfg=dict(embed_dims=DIMS, feedforward_channels=40, ffn_drop=0.1))
    decoder = DeformableDetrTransformerDecoder(
        num_layers=2,
        layer_cfg=layer_cfg,
        return_intermediate=True,
        post_norm_cfg=None).double().eval()
    decoder.layers.load_state_dict(refine.layers.state_dict())
    copies = [
        image for image, number in enumerate(persons_per_image)
        for _ in range(number)
    ]
    mask = encoded.memory_mask
    poses = random_poses(len(copies))
    query_pos, query = refine.query_embedding.weight.split(DIMS, dim=1)
    _, expected = decoder(
        query=query.expand(len(copies), -1, -1),
        query_pos=query_pos.expand(len(copies), -1, -1),
        value=encoded.memory[copies],
        key_padding_mask=None if mask is None else mask[copies],
        reference_points=poses,
        spatial_shapes=torch.tensor(encoded.spatial_shapes),
        level_start_index=encoded.level_start_index,
        valid_ratios=encoded.valid_ratios[copies],
        reg_branches=refine.branches)
    refined = apply(refine, poses, list(persons_per_image), encoded)
    assert len(refined) == len(expected) == 2
    for ours, theirs in zip(refined, expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
        assert (ours - poses).abs().max() > 1e-3


def test_persons_do_not_see_each_other(refine, encoded):
    poses = random_poses(5)
    together = apply(refine, poses, [2, 0, 3], encoded)[-1]
    changed = poses.clone()
    changed[[0, 4]] = 0.5
    other = apply(refine, changed, [2, 0, 3], encoded)[-1]
    torch.testing.assert_close(other[1:4], together[1:4])
    assert not other[0].allclose(together[0])


def test_persons_see_their_own_image(refine, encoded):
    poses = random_poses(5)
    before = apply(refine, poses, [2, 0, 3], encoded)[-1]
    encoded.memory[0] = 0
    after = apply(refine, poses, [2, 0, 3], encoded)[-1]
    assert not after[:2].allclose(before[:2])
    torch.testing.assert_close(after[2:], before[2:])


def test_gradients(refine, encoded):
    """They reach the memory, but neither the pose nor the layer before."""
    encoded.memory.requires_grad_()
    poses = random_poses(3).requires_grad_()
    first, second = apply(refine, poses, [1, 1, 1], encoded)
    second.sum().backward(retain_graph=True)
    assert poses.grad is None
    assert encoded.memory.grad.flatten(1).any(1).all()
    assert refine.branches[0][-1].weight.grad is None
    assert refine.branches[1][-1].weight.grad.any()
    first.sum().backward()
    assert refine.branches[0][-1].weight.grad.any()


def test_nobody_to_refine(refine, encoded):
    """All parameters stay in the graph."""
    refined = apply(refine, random_poses(0), [0, 0, 0], encoded)
    assert [pose.shape for pose in refined] == [(0, K, 2)] * 2
    sum(pose.sum() for pose in refined).backward()
    for name, parameter in refine.named_parameters():
        assert parameter.grad is not None and not parameter.grad.any(), name


def test_starts_as_the_pose_it_is_given(encoded):
    module = PoseRefinementDecoder(embed_dims=DIMS, feedforward_channels=40)
    module.init_weights()
    poses = random_poses(3)
    for refined in apply(module.double(), poses, [1, 1, 1], encoded):
        torch.testing.assert_close(refined, poses)


def test_any_number_of_keypoints_and_layers(encoded):
    module = PoseRefinementDecoder(
        embed_dims=DIMS, num_keypoints=5, num_layers=3).double()
    refined = apply(module, random_poses(3)[:, :5], [1, 0, 2], encoded)
    assert [pose.shape for pose in refined] == [(3, 5, 2)] * 3


def test_another_number_of_levels(encoded):
    module = PoseRefinementDecoder(embed_dims=DIMS, num_levels=3).double()
    with pytest.raises(InputError, match='num_levels is 3.* has 4 levels'):
        apply(module, random_poses(3), [1, 0, 2], encoded)


@pytest.fixture
def reader(randomise):
    """A refinement that knows whose pose it is."""
    torch.manual_seed(0)
    module = PoseRefinementDecoder(
        embed_dims=DIMS, feedforward_channels=40, read_person=True)
    module.init_weights()
    return randomise(module.double()).eval()


def read(module, poses, queries, boxes, encoded):
    refined = module(poses, queries, boxes, [1, 1, 1], encoded)
    return torch.stack([step['keypoints'] for step in refined])


def persons(seed=0):
    """Three poses near the centre, human queries and boxes."""
    generator = torch.Generator().manual_seed(seed)
    poses = 0.4 + 0.2 * random_poses(3)
    queries = torch.randn(3, DIMS, generator=generator).double()
    boxes = torch.tensor([[0.5, 0.5, 0.02, 0.01]]).double().repeat(3, 1)
    return poses, queries, boxes


def test_movement_in_units_of_the_box(reader, encoded):
    """With nothing to see, twice the box gives twice the movement."""
    for layer in reader.layers:
        nn.init.zeros_(layer.cross_attn.value_proj.weight)
        nn.init.zeros_(layer.cross_attn.value_proj.bias)
    poses, queries, boxes = persons()
    first = read(reader, poses, queries, boxes, encoded)
    second = read(reader, poses, queries, 2 * boxes, encoded)
    assert (first - poses).abs().max() > 1e-4
    torch.testing.assert_close(second - poses, 2 * (first - poses))


def test_looking_around_in_units_of_the_box(reader, encoded):
    """The place of the box does not matter, its size does."""
    poses, queries, boxes = persons()
    first = read(reader, poses, queries, boxes, encoded)
    moved = boxes + torch.tensor([0.1, 0.2, 0, 0])
    torch.testing.assert_close(
        read(reader, poses, queries, moved, encoded), first)
    larger = read(reader, poses, queries, 10 * boxes, encoded)
    assert not (larger - poses).allclose(10 * (first - poses))


def test_a_human_query_is_read_for_its_own_person(reader, encoded):
    poses, queries, boxes = persons()
    first = read(reader, poses, queries, boxes, encoded)
    queries[1] += 1
    changed = read(reader, poses, queries, boxes, encoded)
    torch.testing.assert_close(changed[:, [0, 2]], first[:, [0, 2]])
    assert not changed[:, 1].allclose(first[:, 1])


def test_reading_a_person_starts_as_the_pose_it_is_given(encoded):
    """And boxes get no gradient, human queries do."""
    module = PoseRefinementDecoder(
        embed_dims=DIMS, feedforward_channels=40, read_person=True)
    module.init_weights()
    poses, queries, boxes = persons()
    refined = read(module.double(), poses, queries, boxes, encoded)
    torch.testing.assert_close(refined, poses.expand_as(refined))
    nn.init.ones_(module.query_proj.weight)
    nn.init.normal_(module.branches[1][-1].weight)
    queries.requires_grad_()
    boxes.requires_grad_()
    read(module, poses, queries, boxes, encoded).sum().backward()
    assert queries.grad.any() and boxes.grad is None
