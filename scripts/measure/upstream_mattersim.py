#!/usr/bin/env python3
"""Measures upstream's MatterSim and ours side by side on one thread, see side_by_side.py.

usage: upstream_mattersim.py TIME_POTENTIAL WIDTH [ROUNDS]

TIME_POTENTIAL is target/release/examples/time_potential; WIDTH is 128 (v1 1M) or 256 (v1 5M); ROUNDS: 5. Weights are drawn, as
for the tests: they cost the same.

Needs `pip install torch==2.8.0 mattersim==1.2.3`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import pathlib
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")

import torch
from side_by_side import compare

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "crates/models/tests/mattersim"))
import mattersim_models
from mattersim.forcefield.potential import MatterSimCalculator, Potential

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in ("128", "256"):
        sys.exit(__doc__)
    torch.set_num_threads(1)
    potential = Potential(mattersim_models.build(f"large_{sys.argv[2]}"), device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/mattersim.pth"
        potential.save(file)
        calculator = MatterSimCalculator(potential=potential, device="cpu")
        compare(calculator, sys.argv[1], f"mattersim={file}", int((sys.argv[3:] or [5])[0]))
