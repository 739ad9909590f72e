"""The goldens of orb-models 0.5.5 against a later release: largest differences, in f64.

    python compare_release.py

Needs Python 3.12, orb-models==0.7.0, torch, ase.  CPU, 1 thread.  Reads the tiny checkpoints and goldens beside this file.
Structures with neighbours that tie at the limit are left out, as in the tests.
"""
from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from orb_models.forcefield import pretrained as P
from orb_models.forcefield.forcefield_adapter import ForcefieldAtomsAdapter

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
HERE = Path(__file__).resolve().parent
TINY = dict(latent_dim=16, base_mlp_hidden_dim=32, base_mlp_depth=2, head_mlp_hidden_dim=16, head_mlp_depth=1,
            num_message_passing_steps=2, activation="silu")
SETS = [("conservative", "conservative_inf", 120), ("conservative", "conservative_20", 20), ("direct", "direct_inf", 120),
        ("direct", "direct_20", 20), ("omol_conservative", "omol_conservative", 120), ("omol_direct", "omol_direct", 120)]


def build(name: str):
    """As `orb_v3_conservative_inf_omat`, `orb_v3_conservative_omol` and so on build it."""
    omol, direct = name.startswith("omol"), name.endswith("direct")
    builder = P.orb_v3_direct_architecture if direct else P.orb_v3_conservative_architecture
    model = builder(device="cpu", has_charge_spin_cond=omol, has_stress=not (omol and direct), **TINY)
    state = torch.load(HERE / f"orb_tiny_{name}.ckpt", weights_only=True)
    model.load_state_dict(state, strict=False)
    model = model.double().eval()
    if not direct:
        model.pair_repulsion_fn.node_aggregation = "mean"
    return model


def main() -> None:
    for name, goldens, neighbors in SETS:
        model = build(name)
        worst, n = dict(energy_per_atom=0.0, forces=0.0, stress=0.0), 0
        extra = {"graph": ["total_charge", "spin_multiplicity"]} if name.startswith("omol") else None
        adapter = ForcefieldAtomsAdapter(radius=6.0, max_num_neighbors=neighbors, extra_features=extra)
        for golden in json.loads((HERE / f"goldens_tiny_{goldens}.json").read_text()):
            if golden["tie_at_truncation"]:
                continue
            atoms = Atoms(golden["numbers"], positions=golden["positions"], cell=golden["cell"], pbc=True)
            if "charge" in golden:
                atoms.info.update(charge=golden["charge"], spin=golden["spin"])
            graph = adapter.from_ase_atoms(atoms, device="cpu")
            out, expected = model.predict(graph), golden["f64"]
            if len(graph.senders) != expected["n_edges"]:
                print(f"{name} {golden['name']}: {len(graph.senders)} edges, {expected['n_edges']} in 0.5.5")
                continue
            number = lambda key: (out["grad_" + key] if "grad_" + key in out else out[key]).detach().numpy()  # noqa: E731
            found = dict(energy_per_atom=abs(out["energy"].item() - expected["energy"]) / len(atoms),
                         forces=np.abs(number("forces") - np.array(expected["forces"])).max())
            if "stress_voigt_ev_a3" in expected:
                found["stress"] = np.abs(number("stress").reshape(-1) - np.array(expected["stress_voigt_ev_a3"])).max()
            worst = {key: max(worst[key], float(found.get(key, 0.0))) for key in worst}
            n += 1
        print(f"{goldens:20s} {n:3d} structures", worst)


if __name__ == "__main__":
    main()
