"""Names for the layers that predictions are made from."""


class PredictionLayers:
    """What knows the layers by name; a mixin of the heads.

    The decoder's layers come first and are numbered from 0; the encoder's
    proposals come last. Stacked outputs have the same order.
    """

    num_pred_layers: int
    """Number of decoder layers, and one for the encoder's proposals."""

    @property
    def last_layer(self) -> int:
        """Number of the last decoder layer, which gives the result."""
        return self.num_pred_layers - 2

    @property
    def proposals_layer(self) -> int:
        """Number of the encoder's proposals."""
        return self.num_pred_layers - 1
