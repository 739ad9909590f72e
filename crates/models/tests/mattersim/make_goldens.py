# SPDX-License-Identifier: MIT
"""What upstream computes with seeded checkpoints: NAME.golden.json, and the checkpoints themselves or their recipes.

    pip install torch==2.8.0 mattersim==1.2.3
    python make_goldens.py --structures ../mace/structures.json --out . [--only NAME ...]

Energies of atoms, forces, stress (eV, eV/A, eV/A^3; 3x3, tension positive) by precision and structure; in double precision
also the mean of the features of atoms behind the last block. Upstream 1.2.3 is single precision only: for double precision
its parameters, buffers and inputs are widened, as its later versions do, and nothing else.
"""
import argparse
import json
import os
import warnings

warnings.filterwarnings("ignore")
import mattersim  # noqa: E402
import mattersim_models  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.units import GPa  # noqa: E402
from mattersim.datasets.utils.convertor import GraphConvertor  # noqa: E402
from mattersim.forcefield.potential import Potential, batch_to_dict  # noqa: E402
from torch_geometric.loader import DataLoader  # noqa: E402


def extra():
    """Structures that the shared ones lack."""
    box = (np.eye(3) * 16.0).tolist()
    tiny = [[2.1, 0.0, 0.1], [0.2, 1.9, 0.0], [0.0, -0.1, 2.2]]
    return [
        dict(name="no_angles", numbers=[11, 17, 8], cell=box, positions=[[1, 1, 1], [4.2, 3.9, 1.4], [9, 9, 9]],
             pbc=[True] * 3, note="one pair between the cutoffs of angles and of pairs, one atom alone"),
        dict(name="tiny_cell", numbers=[3], cell=tiny, positions=[[0.3, 0.2, 0.1]], pbc=[True] * 3,
             note="hundreds of edges and thousands of angles of one atom, collinear ones among them"),
        dict(name="chain", numbers=[8, 22, 8], cell=box, positions=[[2, 2, 2], [3.8, 2, 2], [5.6, 2, 2]],
             pbc=[True] * 3, note="exactly straight and folded angles: cosines at their limits"),
    ]


def to_atoms(s):
    return Atoms(numbers=s["numbers"], positions=s["positions"], cell=s["cell"], pbc=s["pbc"])


def record(potential, atoms, double):
    args = potential.model.get_model_args()
    atoms = atoms.copy()
    graph = GraphConvertor("m3gnet", args["cutoff"], True, args["threebody_cutoff"]).convert(atoms)
    if double:
        # The convertor has wrapped the positions.
        graph.atom_pos = torch.from_numpy(atoms.get_positions())
        graph.cell = torch.from_numpy(np.array(atoms.cell)).unsqueeze(0)
    batch = next(iter(DataLoader([graph], batch_size=1)))
    sites, features = [], []
    hooks = [
        potential.model.normalizer.register_forward_hook(lambda _m, _i, out: sites.append(out.detach().double())),
        potential.model.graph_conv[-1].register_forward_hook(lambda _m, _i, out: features.append(out[0].detach().double())),
    ]
    to_float = torch.Tensor.float
    if double:
        torch.Tensor.float = torch.Tensor.double
    try:
        out = potential.forward(batch_to_dict(batch, device="cpu"), include_forces=True, include_stresses=True)
    finally:
        torch.Tensor.float = to_float
        [hook.remove() for hook in hooks]
    number = lambda x: x.detach().double().numpy()  # noqa: E731
    result = dict(n_edges=len(graph.edge_index[0]), n_angles=len(graph.three_body_indices),
                  energy=float(number(out["total_energy"])[0]), site_energies=sites[0].tolist(),
                  forces=number(out["forces"]).tolist(), mean_features=features[0].mean(0).tolist())
    # Upstream divides by a determinant, which is negative where the lattice vectors are left-handed.
    sign = np.sign(np.linalg.det(atoms.cell[:]))
    result["stress"] = (number(out["stresses"])[0] * GPa * sign).tolist()
    return result


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--structures", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--only", nargs="*")
    args = p.parse_args()
    torch.set_num_threads(1)
    structures = json.load(open(args.structures)) + extra()
    json.dump(extra(), open(os.path.join(args.out, "structures.json"), "w"))
    for name in [*mattersim_models.TINY, *mattersim_models.LARGE]:
        if args.only and name not in args.only:
            continue
        large = name in mattersim_models.LARGE
        if large:
            model = mattersim_models.build(name)
            recipe = mattersim_models.recipe(name)
            spec = mattersim_models.LARGE[name]
            mattersim_models.hashinit.save_recipe(os.path.join(args.out, f"{name}.recipe.json"), recipe, spec["seed"])
            single = Potential(model, device="cpu")
        else:
            path = os.path.join(os.path.abspath(args.out), f"{name}.pth")
            mattersim_models.save(name, path)
            load = torch.load
            torch.load = lambda *a, **k: load(*a, **{**k, "weights_only": False})
            single = Potential.from_checkpoint(path, device="cpu", load_training_state=False)
            torch.load = load
        double = Potential(mattersim_models.build(name).double(), device="cpu")
        golden = dict(generator=dict(mattersim=mattersim.__version__, torch=torch.__version__),
                      model_args=single.model.get_model_args(), float64={}, float32={})
        for s in structures:
            if max(s["numbers"]) > single.model.max_z or (large and len(s["numbers"]) > 10):
                continue
            golden["float64"][s["name"]] = record(double, to_atoms(s), True)
            found = record(single, to_atoms(s), False)
            golden["float32"][s["name"]] = {key: found[key] for key in ("energy", "forces", "stress")}
        path = os.path.join(args.out, f"{name}.golden.json")
        json.dump(golden, open(path, "w"))
        print(path, os.path.getsize(path), {k: round(v["energy"], 3) for k, v in golden["float64"].items()}, flush=True)


if __name__ == "__main__":
    main()
