"""What upstream's weights other than those of 0.3.0 give for 50 crystals; the r2SCAN ones also as safetensors.

    pip install chgnet==0.4.2 safetensors
    python make_cif_goldens.py --model r2scan --cifs FOLDER --out . --weights ../../weights/chgnet_r2scan.safetensors
    python make_cif_goldens.py --model 0.2.0 --cifs FOLDER --out .
    python make_cif_goldens.py --model bare --out .

The crystals: of the ordered ones of at most 12 atoms in the folder, in the order of their names, 50 at even distances.
Modes f32 and f64 as in make_goldens.py: upstream as it is, and the same code with everything widened.

`bare`: a small seeded model of the architecture of 0.2.0, without norms and with biases behind sums, and what it gives
for the structures of goldens_tiny.json: chgnet_bare.safetensors, goldens_bare.json.
"""
import argparse
import json
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import chgnet.graph.converter as conv_mod  # noqa: E402
import chgnet.graph.crystalgraph as cg_mod  # noqa: E402
import chgnet.model.model as model_mod  # noqa: E402
import torch  # noqa: E402
from chgnet.model.composition_model import AtomRef  # noqa: E402
from chgnet.model.model import CHGNet  # noqa: E402
from pymatgen.core import Structure  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

torch.set_num_threads(1)
NARROW = AtomRef._assemble_graphs


def wide(self, graphs):
    dtype = self.fc.weight.dtype
    count = lambda g: torch.bincount(g.atomic_number - 1, minlength=self.max_num_elements).to(dtype)  # noqa: E731
    return torch.stack([count(g) / (len(g.atomic_number) if self.is_intensive else 1) for g in graphs])


def set_dtype(dtype):
    torch.set_default_dtype(dtype)
    for module in (conv_mod, cg_mod, model_mod):
        module.TORCH_DTYPE = dtype
    AtomRef._assemble_graphs = NARROW if dtype == torch.float32 else wide


def candidates(folder):
    for path in sorted(Path(folder).glob("*.cif")):
        try:
            structure = Structure.from_file(path)
        except Exception:
            continue
        if structure.is_ordered and len(structure) <= 12 and max(structure.atomic_numbers) <= 94:
            yield path.stem, structure


def bare_model():
    torch.manual_seed(2)
    model = CHGNet(atom_fea_dim=8, bond_fea_dim=8, angle_fea_dim=8, num_radial=7, num_angular=5, n_conv=3,
                   atom_conv_hidden_dim=8, bond_conv_hidden_dim=8, mlp_hidden_dims=(8, 8), cutoff_coeff=5,
                   atom_graph_cutoff=5, bond_graph_cutoff=3, gMLP_norm=None, readout_norm=None, mlp_out_bias=True)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.startswith("composition_model"):
                continue
            if p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.mul_(2.0)
    return model.eval()


def of_tiny():
    for golden in json.loads((Path(__file__).parent / "goldens_tiny.json").read_text()):
        if len(golden["numbers"]) <= 8:
            yield golden["name"], Structure(golden["cell"], golden["numbers"], golden["positions"],
                                            coords_are_cartesian=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model", required=True, choices=["r2scan", "0.2.0", "bare"])
    p.add_argument("--cifs")
    p.add_argument("--out", required=True)
    p.add_argument("--weights")
    args = p.parse_args()
    bare = args.model == "bare"
    model = bare_model() if bare else CHGNet.load(model_name=args.model, use_device="cpu", verbose=False).eval()
    tensors = {k: v.detach().clone().float().contiguous() for k, v in model.state_dict().items()}
    if bare:
        # As files of 0.2.0 are: they do not say that they have biases.
        arguments = {k: v for k, v in model.model_args.items() if k != "mlp_out_bias"}
        save_file(tensors, Path(args.out) / "chgnet_bare.safetensors",
                  metadata=dict(format="pt", model_args=json.dumps(arguments, default=str)))
    elif args.weights:
        save_file(tensors, args.weights, metadata=dict(
            format="pt", model="CHGNet r2SCAN (MP-r2SCAN, transfer learning)",
            source="chgnet 0.4.2 wheel, pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
            licence="BSD-3-Clause-LBNL, Copyright (c) 2023 The Regents of the University of California; see LICENSE.chgnet",
            model_args=json.dumps(model.model_args, default=str)))
    every = list(of_tiny() if bare else candidates(args.cifs))
    chosen = every if bare else every[:: len(every) // 50][:50]
    old = {} if args.model == "r2scan" else dict(mlp_out_bias=True)
    arguments = {k: v for k, v in model.model_args.items() if k != "mlp_out_bias"}
    goldens = []
    for name, structure in chosen:
        golden = dict(name=name, numbers=list(structure.atomic_numbers), cell=structure.lattice.matrix.tolist(),
                      positions=structure.cart_coords.tolist())
        same = Structure(golden["cell"], golden["numbers"], golden["positions"], coords_are_cartesian=True)
        for mode, dtype in (("f32", torch.float32), ("f64", torch.float64)):
            set_dtype(dtype)
            m = CHGNet.from_dict(dict(model_args=arguments, state_dict=model.state_dict()), **old).to(dtype).eval()
            try:
                found = m.predict_structure(same, task="efsm")
            except Exception as error:  # upstream refuses atoms without neighbors
                golden[mode] = dict(error=f"{type(error).__name__}: {error}")
                continue
            golden[mode] = dict(energy=float(found["e"]) * len(same), forces=found["f"].tolist(),
                                stress_gpa=found["s"].tolist(), magmoms=found["m"].tolist())
        set_dtype(torch.float32)
        goldens.append(golden)
    text = "[\n" + ",\n".join(json.dumps(g) for g in goldens) + "\n]\n"
    (Path(args.out) / f"goldens_{args.model}.json").write_text(text)
    print(len(every), "candidates;", sum("energy" in g["f64"] for g in goldens), "of", len(goldens), "computed")


if __name__ == "__main__":
    main()
