# Not the release: words are learnt from the captions alone, a baseline that
# needs no language model.
_base_ = './uniphd_swin-t_4xb4-20e_refhuman.py'
model = dict(
    text_encoder=dict(_delete_=True, type='HashTextEncoder', embed_dims=256),
    prompt_encoder=dict(text_dims=256))
