# SPDX-License-Identifier: MIT
"""Seeded eSEN checkpoints in upstream's format, and what upstream computes with them.

    pip install fairchem-core==1.10.0 torch-scatter torch-sparse
    python make_goldens.py VARIANT OUT          VARIANT: tiny, tiny_few, or real

Writes OUT/esen_VARIANT.pt and OUT/goldens_VARIANT.json: energies, forces and stresses (eV, eV/A, eV/A^3) in f32 by upstream's
calculator, and in f64 by its model with widened weights, for the structures of ../mace/structures.json, turned as a whole.

They are turned because upstream takes the derivative of an edge's frame for zero where the edge is within 1.4 mrad of the
y axis: what it gives is then not the slope of the energy. `along_y` is a structure with such edges. Atoms are put into their
cell before upstream gets them.

`tiny` has the released file's degrees and orders, a prefix of distributed training, and every width another one. `tiny_few`
has no envelope, few neighbors, other degrees and orders, and moving averages, which the calculator does not read. `real` has
the shape of eSEN-30M-OAM: 30,161,153 parameters.
"""
import json
import logging
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import numpy as np
import torch
from ase import Atoms
from fairchem.core import OCPCalculator
from fairchem.core.common.registry import registry
from fairchem.core.datasets import data_list_collater
from fairchem.core.models.esen import esen  # noqa: F401, registers itself
from fairchem.core.models.esen.trainers import trainer  # noqa: F401, registers itself

# The calculator would import all models of the package, which want other versions of what they stand on.
registry.register("imports_setup", True)

SEED = 23
RMSD = 0.6274358
HERE = pathlib.Path(__file__).resolve().parent
VARIANTS = {
    "tiny": dict(sphere_channels=6, hidden_channels=4, edge_channels=5, num_distance_basis=7, lmax=3, mmax=2,
                 num_layers=2, max_neighbors=300, use_envelope=True),
    "tiny_few": dict(sphere_channels=4, hidden_channels=6, edge_channels=3, num_distance_basis=5, lmax=2, mmax=1,
                     num_layers=1, max_neighbors=14, use_envelope=False),
    "real": dict(sphere_channels=128, hidden_channels=128, edge_channels=128, num_distance_basis=64, lmax=3, mmax=2,
                 num_layers=10, max_neighbors=300, use_envelope=True),
}
# Rotation of the quaternion (1, 2, 3, 4) / sqrt(30).
TURN = np.array([[-20.0, 4.0, 22.0], [20.0, -10.0, 20.0], [10.0, 28.0, 4.0]]) / 30.0
POLE = 0.999999


def hashed(name, n):
    """n numbers in [-1, 1): FNV-1a of the name, splitmix64 of it and the index, 24 bits."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h ^ SEED) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)


def range_of(name, tensor):
    """(center, half width) of a parameter's numbers, such that activations stay of order one."""
    parts = name.split(".")
    if parts[-1] == "affine_weight" or (tensor.dim() == 1 and parts[-1] == "weight"):
        return 1.0, 0.3
    if parts[-1].endswith("bias"):
        return 0.0, 0.2
    if "embedding" in parts[-2]:
        return 0.0, 1.0 if "sphere" in parts[-2] else 0.5
    gain = 0.7 if parts[-2].startswith("so3_linear") else 2.0
    return 0.0, gain * (3.0 / tensor.shape[-1]) ** 0.5


def settings(variant):
    backbone = dict(
        model="esen_backbone", max_num_elements=100, grid_resolution=None, otf_graph=True, use_pbc=True,
        use_pbc_single=True, cutoff=6.0, distance_function="gaussian", direct_forces=False, regress_forces=True,
        regress_stress=True, norm_type="rms_norm_sh", act_type="gate", mlp_type="spectral", **VARIANTS[variant],
    )
    model = dict(name="hydra", backbone=backbone, heads=dict(mptrj=dict(module="esen_mlp_efs_head")), otf_graph=True,
                 pass_through_head_outputs=True)
    level = dict(energy="system", forces="atom", stress="system")
    return dict(
        trainer="mlip_trainer", model=model, task={}, dataset=dict(format="ase_db", src="omat"), amp=False,
        outputs={name: dict(property=name, level=level[name]) for name in level}, logger=None,
        loss_functions=[dict(energy=dict(fn="per_atom_mae", coefficient=20))],
        evaluation_metrics=dict(primary_metric="forces_mae"),
        optim=dict(optimizer="AdamW", lr_initial=0.0008, max_epochs=1, ema_decay=0.999), cmd=dict(seed=None),
    )


def build(config):
    model = {name: value for name, value in config["model"].items() if name != "name"}
    return registry.get_model_class("hydra")(**model)


def write(path, variant):
    config = settings(variant)
    model = build(config)
    for name, parameter in model.named_parameters():
        center, width = map(np.float32, range_of(name, parameter))
        values = torch.from_numpy(width * hashed(name, parameter.numel()) + center)
        parameter.data.copy_(values.reshape(parameter.shape))
    prefix = "" if variant == "tiny_few" else "module."
    deviation = {"mean": torch.tensor(0.0), "rmsd": torch.tensor(RMSD)}
    references = torch.from_numpy(-5.0 + 4.0 * hashed("element_references", 119).astype(np.float64)).float()
    checkpoint = dict(
        epoch=1, step=10, state_dict={prefix + name: tensor for name, tensor in model.state_dict().items()},
        normalizers={name: deviation for name in ("energy", "forces", "stress")},
        elementrefs=dict(energy=dict(element_references=references)), config=config, val_metrics=None, amp=None,
    )
    if variant == "tiny_few":
        shadows = [torch.zeros_like(parameter) for parameter in model.parameters()]
        checkpoint["ema"] = dict(decay=0.999, num_updates=None, shadow_params=shadows, collected_params=[])
    torch.save(checkpoint, path)
    print(path, sum(parameter.numel() for parameter in model.parameters()), "parameters")


def structures(variant):
    """Those that have edges, and one that has none; without the one that is not periodic."""
    few = ("nacl_primitive_displaced", "tio2_triclinic", "srtio3_rattled")
    for entry in json.loads((HERE / "../mace/structures.json").read_text()):
        if not all(entry["pbc"]) or variant == "tiny_few" and entry["name"] not in few:
            continue
        if variant == "real" and len(entry["numbers"]) > 8:
            continue
        turned = {name: (np.array(entry[name]) @ TURN.T).tolist() for name in ("cell", "positions")}
        yield dict(name=entry["name"], numbers=entry["numbers"], **turned)
    yield dict(name="along_y", numbers=[12, 8], cell=[[3.9, 0.0, 0.3], [0.0, 4.1, 0.0], [0.2, 0.1, 4.4]],
               positions=[[0.1, 0.2, 0.3], [0.1, 2.3, 0.3]])


def batch(calculator, golden, dtype):
    torch.set_default_dtype(dtype)
    atoms = Atoms(golden["numbers"], positions=golden["positions"], cell=golden["cell"], pbc=True)
    # Of atoms outside of their cell upstream misses neighbors.
    atoms.wrap()
    found = data_list_collater([calculator.a2g.convert(atoms)], otf_graph=True)
    found.pos = torch.tensor(atoms.get_positions(), dtype=dtype)
    found.cell = torch.tensor(np.array(atoms.cell), dtype=dtype)[None]
    return found


def record(predicted):
    return dict(
        energy=predicted["energy"].double().item(), forces=predicted["forces"].double().tolist(),
        stress=predicted["stress"].double().reshape(3, 3).tolist(),
    )


def main(variant, out):
    torch.set_num_threads(1)
    path = pathlib.Path(out) / f"esen_{variant}.pt"
    write(path, variant)
    calculator = OCPCalculator(checkpoint_path=path, cpu=True, seed=0)
    upstream = calculator.trainer
    goldens = list(structures(variant))
    for precision, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        if dtype == torch.float64:
            # Not narrowed before: tables of rotations are in double precision from the start.
            upstream.model.double()
        # Upstream names single precision in its search for neighbors.
        torch.float, torch.Tensor.float = dtype, lambda tensor: tensor.to(torch.get_default_dtype())
        for golden in goldens:
            predicted = upstream.predict(batch(calculator, golden, dtype), per_image=False, disable_tqdm=True)
            assert predicted["energy"].dtype == dtype
            golden[precision] = record(predicted)
    for golden in goldens:
        data = batch(calculator, golden, torch.float64)
        graph = upstream.model.backbone.generate_graph(data)
        y = graph["edge_distance_vec"][:, 1].abs() / graph["edge_distance"]
        golden["n_edges"] = len(y)
        assert (golden["name"] == "along_y") == bool((y > POLE).any()), golden["name"]
    rows = ",\n".join(json.dumps(golden) for golden in goldens)
    (pathlib.Path(out) / f"goldens_{variant}.json").write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in VARIANTS:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
