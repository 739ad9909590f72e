#!/usr/bin/env python3
"""Measures upstream's ORB or UMA on a card: energies, forces, stresses of batches of crystals, no two of one composition.

usage: upstream_cards.py orb|uma CHECKPOINT CRYSTALS.extxyz [BATCH...]

ORB is compiled by torch with TF32 products, upstream's defaults, and its graphs are made before the clock starts; UMA gets
batches of different compositions, TF32, and finds its edges on the card. Shown is the median of ten evaluations of a batch
after three that are not counted, results copied to the host, for each size of a batch (64, 256, 512), on the card that torch
sees. Our rate is that of `mlip-batch run` on the same crystals, and of the tests `orb_cuda` and `uma_cuda` (docs/gpu.md).

Needs `pip install orb-models==0.5.5` or `fairchem-core==2.24.0`. CHECKPOINT is one of upstream's, or one of real size with
random weights (`seeded` for ORB, `crates/models/tests/uma/make_goldens.py real FOLDER`), which cost the same.
"""

import itertools
import logging
import os
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import torch
from ase.io import iread

DEVICE = os.environ.get("DEVICE", "cuda")


def orb(checkpoint):
    from orb_models.forcefield import pretrained
    from orb_models.forcefield.atomic_system import SystemConfig, ase_atoms_to_atom_graphs
    from orb_models.forcefield.base import batch_graphs

    torch.set_float32_matmul_precision("high")
    config = SystemConfig(radius=6.0, max_num_neighbors=120)
    model = pretrained.orb_v3_conservative_architecture(device=DEVICE, system_config=config)
    if checkpoint != "seeded":
        model.load_state_dict(torch.load(checkpoint, weights_only=True, map_location=DEVICE))
    model.eval().requires_grad_(False)
    model.compile(mode="default", dynamic=True)

    def prepare(crystals):
        graphs = [ase_atoms_to_atom_graphs(atoms, config, device=torch.device("cpu")) for atoms in crystals]
        return batch_graphs(graphs).to(DEVICE)

    def evaluate(batch):
        out = model.predict(batch)
        return [out[name].detach().cpu() for name in ("energy", "grad_forces", "grad_stress")]

    return prepare, evaluate


def uma(checkpoint):
    from fairchem.core.datasets.atomic_data import AtomicData, atomicdata_list_to_batch
    from fairchem.core.units.mlip_unit import MLIPPredictUnit
    from fairchem.core.units.mlip_unit.api.inference import InferenceSettings

    settings = InferenceSettings(
        tf32=True, activation_checkpointing=False, merge_mole=False, compile=False, internal_graph_gen_version=2
    )
    unit = MLIPPredictUnit(checkpoint, device=DEVICE, inference_settings=settings)

    def prepare(crystals):
        for atoms in crystals:
            atoms.info.update(charge=0, spin=0)
        keys = ["spin", "charge"]
        return atomicdata_list_to_batch(
            [AtomicData.from_ase(atoms, task_name="omat", r_data_keys=keys, r_edges=False) for atoms in crystals]
        )

    def evaluate(batch):
        out = unit.predict(batch.clone())
        return [out[name].detach().cpu() for name in ("energy", "forces", "stress")]

    return prepare, evaluate


def main(which, checkpoint, crystals, sizes):
    prepare, evaluate = {"orb": orb, "uma": uma}[which](checkpoint)
    card = torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE
    print(f"{which}, torch {torch.__version__}, {card}")
    for size in sizes:
        batch = prepare(list(itertools.islice(iread(crystals, format="extxyz"), size)))
        times = []
        try:
            for _ in range(13):
                begin = time.perf_counter()
                evaluate(batch)
                times.append(time.perf_counter() - begin)
        except torch.cuda.OutOfMemoryError:
            print(f"{size:5} in a batch: the card has too little memory")
            continue
        took = statistics.median(times[3:])
        print(f"{size:5} in a batch: {1e3 * took:.1f} ms, {size / took:.0f} structures/s (first {times[0]:.1f} s)", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("orb", "uma"):
        sys.exit(__doc__)
    main(*sys.argv[1:4], [int(n) for n in sys.argv[4:]] or [64, 256, 512])
