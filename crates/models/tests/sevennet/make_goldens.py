# SPDX-License-Identifier: MIT
"""What upstream computes with its released checkpoints and with tiny ones: golden.json for each.

    pip install torch==2.8.0 "numpy<2.4" sevenn==0.13.0 e3nn==0.6.0
    python make_goldens.py --structures ../mace/structures.json --out . [--only NAME ...]

Energies of atoms, forces, stress (eV, eV/A, eV/A^3; 3x3, tension positive) by modality, precision and structure; in
double precision also the mean of the features that the readout gets. Upstream is single precision only: for double
precision its parameters and buffers are widened and its one-hot layers give doubles, nothing else.
"""
import argparse
import json
import os
import types
import warnings

warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import sevenn  # noqa: E402
import sevenn._const as const  # noqa: E402
import sevenn._keys as KEY  # noqa: E402
import sevennet_models  # noqa: E402
import torch  # noqa: E402
from ase import Atoms  # noqa: E402
from sevenn.atom_graph_data import AtomGraphData  # noqa: E402
from sevenn.calculator import SevenNetCalculator  # noqa: E402
from sevenn.nn.node_embedding import OnehotEmbedding  # noqa: E402
from sevenn.train.dataload import unlabeled_atoms_to_graph  # noqa: E402

RELEASED = {
    "7net_0_11jul2024": const.SEVENNET_0_11Jul2024,
    "7net_0_22may2024": const.SEVENNET_0_22May2024,
    "7net_l3i5": const.SEVENNET_l3i5,
    "7net_mf_0": const.SEVENNET_MF_0,
}


def to_atoms(s):
    return Atoms(numbers=s["numbers"], positions=s["positions"], cell=s["cell"], pbc=s["pbc"])


def widen(model):
    model = model.double()
    for module in model.modules():
        if isinstance(module, OnehotEmbedding):
            def forward(self, data, _old=module.forward):
                data = _old(data)
                for key in (self.key_output, self.key_additional_output):
                    if key is not None:
                        data[key] = data[key].double()
                return data

            module.forward = types.MethodType(forward, module)
    model.set_is_batch_data(False)
    return model.eval()


def graph(atoms, cutoff, dtype, modal):
    arrays = unlabeled_atoms_to_graph(atoms, cutoff, with_shift=True)
    data = AtomGraphData.from_numpy_dict(dict(arrays))
    if dtype == torch.float64:
        for key in (KEY.POS, KEY.EDGE_VEC, KEY.CELL_VOLUME):
            data[key] = torch.from_numpy(np.asarray(arrays[key], dtype=np.float64))
    if modal:
        data[KEY.DATA_MODALITY] = modal
    return data


def record(model, atoms, cutoff, dtype, modal, with_features):
    seen = []
    last = [m for name, m in model._modules.items() if name.endswith("_equivariant_gate")][-1]
    hook = last.register_forward_hook(lambda _m, _i, out: seen.append(out[KEY.NODE_FEATURE].detach().double()))
    out = model(graph(atoms, cutoff, dtype, modal))
    hook.remove()
    p = out[KEY.PRED_STRESS].detach().double().numpy()  # [xx yy zz xy yz zx], compression positive
    number = lambda x: x.detach().double().numpy()  # noqa: E731
    r = dict(n_edges=int(out[KEY.EDGE_IDX].shape[1]), energy=float(out[KEY.PRED_TOTAL_ENERGY]),
             node_energy=number(out[KEY.ATOMIC_ENERGY]).flatten().tolist(),
             forces=number(out[KEY.PRED_FORCE])[: len(atoms)].tolist())
    if all(atoms.pbc):
        r["stress"] = (-np.array([[p[0], p[3], p[5]], [p[3], p[1], p[4]], [p[5], p[4], p[2]]])).tolist()
    if with_features:
        r["mean_features"] = seen[0].mean(0).tolist()
    return r


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--structures", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--only", nargs="*")
    p.add_argument("--keep", action="store_true", help="tiny checkpoints that are there are not made again")
    args = p.parse_args()
    torch.set_num_threads(1)
    structures = json.load(open(args.structures))
    jobs = {f"tiny_{name}": name for name in sevennet_models.TINY} | {name: None for name in RELEASED}
    for name, tiny in jobs.items():
        if args.only and name not in args.only:
            continue
        folder = os.path.join(args.out, name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{name}.pth") if tiny else RELEASED[name]
        if tiny and not (args.keep and os.path.exists(path)):
            torch.save(sevennet_models.build_checkpoint(tiny), path)
        checkpoint = sevenn.util.load_checkpoint(path)
        cutoff = checkpoint.config[KEY.CUTOFF]
        modals = list((checkpoint.config.get(KEY.MODAL_MAP) or {}).keys()) if checkpoint.config.get(KEY.USE_MODALITY) else []
        golden = dict(checkpoint=os.path.basename(path), generator=dict(sevenn=sevenn.__version__, torch=torch.__version__),
                      units=dict(energy="eV", forces="eV/A", stress="eV/A^3"), modals={})
        double = widen(checkpoint.build_model())
        for modal in modals or [None]:
            calculator = SevenNetCalculator(path, device="cpu", modal=modal)
            per = {"float64": {}, "float32": {}}
            for s in structures:
                atoms = to_atoms(s)
                per["float64"][s["name"]] = record(double, atoms, cutoff, torch.float64, modal, True)
                single = record(calculator.model, atoms, cutoff, torch.float32, modal, False)
                atoms.calc = calculator
                assert abs(atoms.get_potential_energy() - single["energy"]) < 1e-9 * max(1.0, abs(single["energy"]))
                assert np.abs(atoms.get_forces() - single["forces"]).max() < 2e-4
                per["float32"][s["name"]] = {k: single[k] for k in ("energy", "forces", "stress") if k in single}
            golden["modals"][modal or "default"] = per
        json.dump(golden, open(os.path.join(folder, "golden.json"), "w"))
        print(folder, os.path.getsize(os.path.join(folder, "golden.json")), flush=True)


if __name__ == "__main__":
    main()
