"""OrbMol reference goldens: ORB v3 with charge and spin, hash-initialised weights (see hashinit.py beside this file).

    python structures.py                      # writes structures.json
    python make_omol_goldens.py --out DIR

Needs orb-models==0.5.5, torch, ase, safetensors.  CPU, 1 thread.  compare_release.py makes the same numbers with 0.7.0.
Builders are upstream's own with `has_charge_spin_cond=True`, which is what `orb_v3_conservative_omol` and
`orb_v3_direct_omol` call. The direct model has no stress in either release. The conservative one has none in 0.5.5
(`has_stress=False`) and has one in 0.7.0 (`has_stress=True`): it is written here, and energy and forces are checked to be
the same without.
"""
from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import hashinit  # noqa: E402
import structures as S  # noqa: E402
from make_goldens import TINY, rule, tie_at_truncation  # noqa: E402
from orb_models.forcefield import pretrained as P  # noqa: E402
from orb_models.forcefield.atomic_system import SystemConfig, ase_atoms_to_atom_graphs  # noqa: E402

SEED = 7
# Total charge and spin multiplicity, of which 0 means not said.
CASES = [("h2o_box", 0, 1), ("h2o_box", 1, 2), ("h2o_box", -1, 2), ("h2o_box", 0, 0), ("h2o_box", 3, 4), ("h2o_box", 0, 3),
         ("srtio3_rattled", 0, 1), ("srtio3_rattled", -2, 3), ("triclinic_reduced", 1, 1), ("nacl_prim", 0, 1),
         ("diamond_rattled", -7, 11), ("ar_isolated", 0, 1), ("ar_isolated", 1, 2)]


def weight_rule(name: str, t: torch.Tensor):
    # Frequencies of the sines and cosines: normal deviates upstream.
    return (0.0, 1.0) if name.startswith("model.conditioner.") else rule(name, t)


def architecture(kind: str, has_stress: bool):
    builder = P.orb_v3_conservative_architecture if kind == "conservative" else P.orb_v3_direct_architecture
    return builder(device="cpu", has_charge_spin_cond=True, has_stress=has_stress, **TINY)


def build(kind: str, has_stress: bool, dtype):
    torch.set_default_dtype(torch.float32)
    state, recipe = hashinit.fill(architecture(kind, has_stress).state_dict(), weight_rule, SEED)
    torch.set_default_dtype(dtype)
    model = architecture(kind, has_stress).to(dtype)
    wide = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    torch.nn.Module.load_state_dict(model, wide, strict=True)
    model.eval()
    for p in model.parameters():
        p.requires_grad_(False)
    return model, state, recipe


def predict(model, record, charge, spin, dtype):
    torch.set_default_dtype(dtype)
    atoms = S.to_ase(record)
    atoms.info.update(charge=charge, spin=spin)
    graph = ase_atoms_to_atom_graphs(atoms, SystemConfig(radius=6.0, max_num_neighbors=120), device=torch.device("cpu"))
    out = model.predict(graph)
    numbers = {k: v.detach().double() for k, v in out.items() if torch.is_tensor(v)}
    energy = numbers["energy"].reshape(-1)[0].item()
    answer = dict(energy=energy, energy_per_atom=energy / len(atoms),
                  forces=numbers["grad_forces" if "grad_forces" in out else "forces"].tolist(),
                  confidence_argmax=out["confidence"].argmax(-1).tolist(), n_edges=int(len(graph.senders)))
    if "grad_stress" in out:
        answer["stress_voigt_ev_a3"] = numbers["grad_stress"].reshape(-1).tolist()
    return answer


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=str(HERE))
    ap.add_argument("--structures", default=None)
    args = ap.parse_args()
    out = Path(args.out)
    records = {r["name"]: r for r in S.load(args.structures)}
    for kind in ("conservative", "direct"):
        models = {n: build(kind, kind == "conservative", dt) for n, dt in (("f64", torch.float64), ("f32", torch.float32))}
        plain = build(kind, False, torch.float64)[0]
        goldens = []
        for name, charge, spin in CASES:
            r = records[name]
            golden = dict(name=name, charge=charge, spin=spin, numbers=r["numbers"], cell=r["cell"], positions=r["positions"],
                          tie_at_truncation=tie_at_truncation(r, 120))
            for precision, dtype in (("f64", torch.float64), ("f32", torch.float32)):
                golden[precision] = predict(models[precision][0], r, charge, spin, dtype)
            same = predict(plain, r, charge, spin, torch.float64)
            assert abs(same["energy"] - golden["f64"]["energy"]) < 1e-12 and "stress_voigt_ev_a3" not in same
            difference = (torch.tensor(same["forces"]) - torch.tensor(golden["f64"]["forces"])).abs().max().item()
            assert difference < 1e-12, difference
            goldens.append(golden)
            print(kind, name, charge, spin, golden["f64"]["energy"], golden["f32"]["energy"] - golden["f64"]["energy"])
        (out / f"goldens_tiny_omol_{kind}.json").write_text("[\n" + ",\n".join(json.dumps(g) for g in goldens) + "\n]\n")
        torch.set_default_dtype(torch.float32)
        torch.save(models["f64"][1], out / f"orb_tiny_omol_{kind}.ckpt")


if __name__ == "__main__":
    main()
