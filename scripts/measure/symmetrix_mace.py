#!/usr/bin/env python3
"""Times symmetrix-xl through its ASE calculator: energies, forces and stresses on one thread.

usage: symmetrix_mace.py MODEL.json CELLS.json... [--only NAME...] [--skin 0.5] [--profile capacity]

Needs `pip install symmetrix-xl[mace]==0.1.1` and, once for every model, its conversion and compilation:
  symmetrix_extract_mace --model MODEL.model --output MODEL.json
  symmetrix_prepare_jit_host_artifact --model MODEL.json --precision float32
A skin of 0 makes the neighbors anew for every call, as a list of unrelated crystals needs it; with a skin, the calls
share one neighbor list, as in molecular dynamics. The profile `capacity`, its default, takes minutes to compile when a
model is loaded for the first time.
"""

import time

import ase_timing

START = time.perf_counter()


def main():
    parser = ase_timing.parser(__doc__.splitlines()[0])
    parser.add_argument("--skin", type=float, default=0.0, help="Å")
    parser.add_argument("--profile", default="speed", choices=["speed", "capacity"])
    arguments = parser.parse_args()
    ase_timing.one_thread()
    import symmetrix

    symmetrix.load_backend("cpu")
    imported = time.perf_counter()
    calculator = symmetrix.Symmetrix(
        arguments.model, dtype=arguments.dtype, neighbor_skin=arguments.skin, execution_profile=arguments.profile
    )
    loaded = time.perf_counter()
    about = {
        "program": "symmetrix-xl",
        "version": symmetrix.__version__,
        "dtype": arguments.dtype,
        "skin": arguments.skin,
        "profile": arguments.profile,
        "compiled": calculator.jit_status,
        "import_s": round(imported - START, 2),
        "load_s": round(loaded - imported, 2),
    }
    ase_timing.measure(arguments, about, calculator)


if __name__ == "__main__":
    main()
