from mmhqnet.testing import build_model, tiny_uniphd_config


def test_the_config_is_fresh_and_the_model_is_tiny():
    config = tiny_uniphd_config()
    config['bbox_head'].clear()
    model = build_model(tiny_uniphd_config())
    assert sum(p.numel() for p in model.parameters()) < 400_000
