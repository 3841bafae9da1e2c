"""The heads' layers have names, which agree."""


def test_layers_of_the_heads(build_model):
    """Two decoder layers, 0 and 1, and the encoder's proposals, 2."""
    head = build_model().bbox_head
    for part in (head, *head.task_heads.values()):
        assert part.num_pred_layers == 3
        assert (part.last_layer, part.proposals_layer) == (1, 2)
    assert len(head.cls_branches) == head.num_pred_layers
