#!/usr/bin/env python3
"""Measures upstream's SevenNet-0 and ours side by side on one thread, see side_by_side.py.

usage: upstream_sevennet.py TIME_POTENTIAL [ROUNDS]

TIME_POTENTIAL is target/release/examples/time_potential; ROUNDS: 5.

Needs `pip install sevenn==0.13.0`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import sys
import warnings

warnings.filterwarnings("ignore")

import torch
from sevenn.calculator import SevenNetCalculator
from side_by_side import compare

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    compare(SevenNetCalculator("7net-0", device="cpu"), sys.argv[1], "7net-0", int((sys.argv[2:] or [5])[0]))
