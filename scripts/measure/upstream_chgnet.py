#!/usr/bin/env python3
"""Measures upstream's CHGNet on one thread: energies, forces, stresses and moments of the first N CIFs.

usage: upstream_chgnet.py FOLDER [N]      writes firstN.list, the files that it took, in their order

Needs `pip install chgnet==0.4.2`. Set OMP_NUM_THREADS=1 as well to keep every library to one thread.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import pathlib
import resource
import sys
import time
import warnings

START = time.perf_counter()
warnings.filterwarnings("ignore")

import torch
from chgnet.model.model import CHGNet
from pymatgen.core import Structure


def main(folder, count):
    torch.set_num_threads(1)
    model = CHGNet.load(use_device="cpu", verbose=False)
    files = sorted(pathlib.Path(folder).rglob("*.cif"))[:count]
    pathlib.Path(f"first{count}.list").write_text("".join(f"{file.resolve()}\n" for file in files))
    loaded = time.perf_counter()
    first = None
    reading = computing = 0.0
    done = atoms = 0
    for file in files:
        begin = time.perf_counter()
        try:
            structure = Structure.from_file(file)
        except Exception as error:
            print(f"{file}: {error}", file=sys.stderr)
            continue
        read = time.perf_counter()
        # One crystal at a time, as a program over a list would; all four quantities.
        model.predict_structure(structure, task="efsm")
        end = time.perf_counter()
        first = first or end
        reading += read - begin
        computing += end - read
        done += 1
        atoms += len(structure)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"structures   {done} ({atoms} atoms)")
    print(f"imports and weights {loaded - START:.2f} s, first result after {first - START:.2f} s")
    print(f"reading      {reading:.2f} s")
    print(f"evaluations  {computing:.2f} s: {done / computing:.2f} structures/s")
    print(f"all          {time.perf_counter() - START:.2f} s")
    print(f"peak memory  {peak:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
