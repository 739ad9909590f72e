#!/usr/bin/env python3
"""Times mace-torch through its ASE calculator: energies, forces and stresses on one thread.

usage: upstream_mace.py MODEL.model CELLS.json... [--only NAME...] [--dtype float64]

Needs `pip install mace-torch==0.3.16`. Send standard error to a file: torch warns at length.
"""

import time

import ase_timing

START = time.perf_counter()


def main():
    arguments = ase_timing.parser(__doc__.splitlines()[0]).parse_args()
    ase_timing.one_thread()
    import torch
    from mace.calculators import MACECalculator

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    imported = time.perf_counter()
    calculator = MACECalculator(model_paths=arguments.model, default_dtype=arguments.dtype, device="cpu")
    loaded = time.perf_counter()
    about = {
        "program": "mace-torch",
        "torch": torch.__version__,
        "dtype": arguments.dtype,
        "import_s": round(imported - START, 2),
        "load_s": round(loaded - imported, 2),
    }
    ase_timing.measure(arguments, about, calculator)


if __name__ == "__main__":
    main()
