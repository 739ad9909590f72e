#!/usr/bin/env python3
"""Tiny UMA checkpoints with weights from a hash, and what upstream computes with them.

usage: make_goldens.py VARIANT OUT     VARIANT: s1, s1p1, s1p2, s1p2p1, m1p1, or real

Writes OUT/uma_tiny_VARIANT.pt and OUT/goldens_tiny_VARIANT.json: energies, forces and stresses of
`fairchem-core==2.24.0` (`MLIPPredictUnit`, experts not merged, quaternion rotations, one thread) in f64 with widened
weights and in f32, for the structures in goldens_tiny_s1p1.json beside this script (s1, s1p2: for some of them).
Energies and forces do not depend on the random turn of the edges' frames beyond 1e-13.

`s1`, UMA 1.0, takes `fairchem-core==2.21.0`, the last release that loads such a file: it has neither `model_id` nor
`model_version`, and later releases refuse it.

`real` writes uma_real.pt alone: the hyperparameters of uma-s-1p1, for measurements.

The two files of the small variants in this folder went through upstream's converter from a training checkpoint as
well, so that their containers are those of released files; their numbers are those that this script gives.
"""

import json
import logging
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import hydra
import numpy as np
import torch
from ase import Atoms
from fairchem.core.datasets.atomic_data import AtomicData
from fairchem.core.units.mlip_unit import MLIPPredictUnit
from fairchem.core.units.mlip_unit.api.inference import InferenceSettings, MLIPInferenceCheckpoint
from omegaconf import OmegaConf

SEED = 11
RMSD = 1.423
UMA = "fairchem.core.models.uma."
FIVE = ["oc20", "omol", "omat", "odac", "omc"]
SEVEN = ["oc20", "oc22", "oc25", "omol", "omat", "odac", "omc"]
VARIANTS = {
    "s1p1": dict(datasets=FIVE, channels=8, hidden=8, edge=8, gaussians=8, experts=4, lmax=2, mmax=2),
    "s1p2p1": dict(datasets=SEVEN, channels=8, hidden=8, edge=8, gaussians=8, experts=4, lmax=2, mmax=2),
    # Differs from 1.1 in the mean of its router alone, as 1.2 does from 1.2.1.
    "s1": dict(datasets=FIVE, channels=4, hidden=4, edge=4, gaussians=4, experts=3, lmax=2, mmax=2),
    # Differs from 1.2.1 in the mean of its router alone, so it is as small as can be and has few structures.
    "s1p2": dict(datasets=["omol", "omat", "omc"], channels=4, hidden=4, edge=4, gaussians=4, experts=3, lmax=2, mmax=2),
    # The medium model's degrees and orders; every width another one.
    "m1p1": dict(datasets=FIVE, channels=6, hidden=4, edge=10, gaussians=7, experts=3, lmax=4, mmax=2),
    "real": dict(datasets=FIVE, channels=128, hidden=128, edge=128, gaussians=64, experts=32, lmax=2, mmax=2),
}
GENERATIONS = {"s1p2": "UMA-S-1.2", "s1p2p1": "UMA-S-1.2.1"}
# Cells of 1, 2, 3 and 4 atoms.
FEW = ["nacl_prim", "triclinic_skewed", "cu_fcc_1atom", "h2o_box"]
HERE = pathlib.Path(__file__).resolve().parent


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
    """(center, half width) of a tensor's numbers, such that activations stay of order one."""
    parts = name.split(".")
    if parts[-1] == "affine_weight" or (tensor.dim() == 1 and "net" in parts and parts[-2] in "14" and parts[-1] == "weight"):
        return 1.0, 0.3
    if parts[-1].endswith("bias"):
        return 0.0, 0.2
    if any(word in name for word in ("dataset_emb", "rand_emb", "sphere_embedding", "composition_embedding")):
        return 0.0, 1.0
    if "source_embedding" in name or "target_embedding" in name:
        return 0.0, 0.5
    gain = 0.5 if parts[-2].startswith("so3_linear") else 1.3
    if parts[-1] == "weights" and parts[0] == "backbone":
        gain = 1.3 * min(tensor.shape[0], 8) ** 0.5
    return 0.0, gain * (3.0 / tensor.shape[-1]) ** 0.5


def model_config(v, variant):
    backbone = dict(
        model=UMA + "escn_moe.eSCNMDMoeBackbone", num_experts=v["experts"], moe_dropout=0.05, moe_layer_type="pytorch",
        use_composition_embedding=True, use_global_embedding=False, max_num_elements=100, sphere_channels=v["channels"],
        hidden_channels=v["hidden"], edge_channels=v["edge"], num_distance_basis=v["gaussians"], lmax=v["lmax"],
        mmax=v["mmax"], num_layers={"real": 4, "s1": 1, "s1p2": 1}.get(variant, 2), cutoff=6, max_neighbors=300, otf_graph=True, use_pbc=True, use_pbc_single=True,
        distance_function="gaussian", regress_forces=True, regress_stress=True, direct_forces=False,
        norm_type="rms_norm_sh", act_type="gate", ff_type="spectral", chg_spin_emb_type="rand_emb", cs_emb_grad=True,
    )
    head = dict(head_cls=UMA + "escn_md.MLP_EFS_Head", head_kwargs=dict(wrap_property=False))
    config = dict(_target_="fairchem.core.models.base.HydraModel", backbone=backbone, pass_through_head_outputs=True)
    config["heads"] = dict(energyandforcehead=head)
    if variant in GENERATIONS:
        mapping = {name: name for name in v["datasets"]}
        backbone.update(dataset_mapping=mapping, charge_balanced_channels=[0, 1, 2])
        head.update(module=UMA + "escn_moe.DatasetSpecificMoEWrapper", dataset_mapping=mapping)
        config.update(model_id=GENERATIONS[variant], supports_single_atoms=True)
    else:
        backbone.update(dataset_list=v["datasets"])
        if variant != "s1":
            backbone.update(model_version=1.1)
        head.update(module=UMA + "escn_moe.DatasetSpecificSingleHeadWrapper", dataset_names=v["datasets"])
    return config


def tasks_config(datasets):
    normalizer = dict(_target_="fairchem.core.modules.normalization.normalizer.Normalizer", mean=0.0, rmsd=RMSD)
    shape = dict(energy=("system", [1]), forces=("atom", [3]), stress=("system", [1, 9]))
    tasks = []
    for kind, (level, dim) in shape.items():
        for name in datasets:
            if kind == "stress" and name not in ("omat", "omc"):
                continue
            task = dict(
                _target_="fairchem.core.units.mlip_unit.mlip_unit.Task", name=f"{name}_{kind}", level=level,
                property=kind, out_spec=dict(dim=dim, dtype="float32"), normalizer=normalizer, datasets=[name],
                loss_fn=dict(_target_="fairchem.core.modules.loss.DDPMTLoss",
                             loss_fn=dict(_target_="fairchem.core.modules.loss.MAELoss"), coefficient=1),
                metrics=["mae"],
            )
            if kind == "energy":
                references = -5.0 + 4.0 * hashed(f"elem_refs.{name}", 100).astype(np.float64)
                task["element_references"] = dict(
                    _target_="fairchem.core.modules.normalization.element_references.ElementReferences",
                    element_references=dict(_target_="torch.DoubleTensor", _args_=[references.tolist()]),
                )
            tasks.append(task)
    return tasks


def write(path, variant):
    v = VARIANTS[variant]
    config = model_config(v, variant)
    state = {}
    for name, tensor in hydra.utils.instantiate(config).state_dict().items():
        if tensor.is_floating_point() and ".Jd_" not in name:
            center, width = map(np.float32, range_of(name, tensor))
            tensor = torch.from_numpy(width * hashed(name, tensor.numel()) + center).reshape(tensor.shape)
        state[name] = tensor
    average = {"module." + name: tensor for name, tensor in state.items()} | {"n_averaged": torch.tensor(1000)}
    settings = OmegaConf.create(dict(tasks=tasks_config(v["datasets"]), model=config))
    if variant not in GENERATIONS:
        config["backbone"]["dataset_list"] = settings.model.backbone.dataset_list
    torch.save(MLIPInferenceCheckpoint(config, state, average, settings.tasks), path)


def unit(path, dtype):
    settings = InferenceSettings(
        tf32=False, activation_checkpointing=False, merge_mole=False, compile=False, external_graph_gen=False,
        internal_graph_gen_version=2, use_quaternion_wigner=True, base_precision_dtype=dtype, execution_mode="general",
    )
    return MLIPPredictUnit(str(path), device="cpu", inference_settings=settings)


def predict(unit, golden, dtype):
    atoms = Atoms(golden["numbers"], positions=golden["positions"], cell=golden["cell"], pbc=True)
    atoms.info.update(charge=golden["charge"], spin=golden["spin"])
    keys = dict(r_data_keys=["spin", "charge"], r_edges=False, target_dtype=dtype)
    answer = unit.predict(AtomicData.from_ase(atoms, task_name=golden["task"], **keys))
    numbers = {name: answer[name].detach().double() for name in ("energy", "forces", "stress")}
    return dict(
        energy=numbers["energy"].item(), forces=numbers["forces"].tolist(),
        stress_ev_a3=numbers["stress"].reshape(3, 3).tolist(),
    )


def main(variant, out):
    torch.set_num_threads(1)
    path = pathlib.Path(out) / ("uma_real.pt" if variant == "real" else f"uma_tiny_{variant}.pt")
    write(path, variant)
    if variant == "real":
        return
    goldens = json.loads((HERE / "goldens_tiny_s1p1.json").read_text())
    keep = ("name", "task", "charge", "spin", "numbers", "cell", "positions")
    goldens = [{key: golden[key] for key in keep} for golden in goldens]
    goldens = [golden for golden in goldens if variant not in ("s1", "s1p2") or golden["name"] in FEW]
    for precision, dtype in (("f64", torch.float64), ("f32", torch.float32)):
        upstream = unit(path, dtype)
        for golden in goldens:
            golden[precision] = predict(upstream, golden, dtype)
    rows = ",\n".join(json.dumps(golden) for golden in goldens)
    (pathlib.Path(out) / f"goldens_tiny_{variant}.json").write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in VARIANTS:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
