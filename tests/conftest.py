"""Runs before anything imports torch."""
import os

# The tests' tensors are too small to gain from threads, which wait for each
# other on a busy machine. The tools that tests start inherit it.
os.environ.setdefault('OMP_NUM_THREADS', '1')
