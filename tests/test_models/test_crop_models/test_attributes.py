"""A classifier of crops."""
import torch
from mmengine.structures import InstanceData

from mmhqnet.models.crop_models import CropAttributes


def test_learns_two_crops_by_heart():
    torch.manual_seed(0)
    model = CropAttributes(
        size=(32, 24),
        backbone=dict(type='ResNet', depth=18, base_channels=8),
        embed_dims=64,
        attributes=dict(gender=dict(type='GenderHead')))
    model.init_weights()
    crops = torch.randn(2, 3, 32, 24)
    people = [InstanceData(genders=torch.tensor([value])) for value in (0, 1)]
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(15):
        optimizer.zero_grad()
        loss = model.loss(crops, None, people)['loss_gender']
        loss.backward()
        optimizer.step()
    columns = model.predict(crops, None)
    assert columns['genders'].tolist() == [0, 1]
    low, high = columns['gender_scores'].tolist()
    assert low < 0.5 < high
