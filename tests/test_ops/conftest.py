"""Without a GPU, Triton shall interpret its kernels."""
import os

import torch

if not torch.cuda.is_available():
    # read when Triton is imported for the first time
    os.environ.setdefault('TRITON_INTERPRET', '1')
