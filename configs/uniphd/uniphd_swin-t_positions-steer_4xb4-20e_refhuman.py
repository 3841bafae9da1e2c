# Not the release: positions steer attention and stay out of the tokens, and
# the sentence is the mean over the words, for RoBERTa's pooler is not
# pretrained.
_base_ = './uniphd_swin-t_4xb4-20e_refhuman.py'
model = dict(
    text_encoder=dict(pooling='mean'),
    decoder=dict(layer_cfg=dict(position_in_residual=False)))
