#!/usr/bin/env python3
"""Times an ASE calculator of this program, or upstream's of CHGNet: energies, forces and stresses on one thread.

usage: ase_calculators.py mlip_batch:MODEL CELLS.json... [--dtype float64]     any --model, with the package of `make wheel`
       ase_calculators.py chgnet CELLS.json...                                 needs `pip install chgnet==0.4.2`
       ase_calculators.py cells CELLS.json                                     writes the crystals of cells.py

`upstream_mace.py` times MACE in the same way.
"""

import json
import pathlib
import sys
import time

import ase_timing

START = time.perf_counter()


def write_cells(path):
    from cells import cells

    described = [
        {
            "name": f"{atoms.get_chemical_formula()}",
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
        }
        for atoms in cells()
    ]
    pathlib.Path(path).write_text(json.dumps(described))


def calculator(model, dtype):
    if model == "chgnet":
        import torch
        from chgnet.model.dynamics import CHGNetCalculator

        torch.set_num_threads(1)
        return CHGNetCalculator(use_device="cpu")
    import mlip_batch

    precision = {"float32": "f32", "float64": "f64"}[dtype]
    return mlip_batch.calculator(model.removeprefix("mlip_batch:"), precision=precision)


def main():
    if sys.argv[1:2] == ["cells"]:
        return write_cells(sys.argv[2])
    arguments = ase_timing.parser(__doc__.splitlines()[0]).parse_args()
    ase_timing.one_thread()
    loaded = calculator(arguments.model, arguments.dtype)
    about = {"calculator": arguments.model, "dtype": arguments.dtype, "import_and_load_s": round(time.perf_counter() - START, 2)}
    ase_timing.measure(arguments, about, loaded)
    return None


if __name__ == "__main__":
    main()
