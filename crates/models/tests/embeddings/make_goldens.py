#!/usr/bin/env python3
"""Embeddings of atoms as upstream's own code gives them in double precision, and their means over the atoms.

usage: make_goldens.py chgnet|mace|orb|orbmol|uma|uma_1_0 [FOLDER]     writes NAME.json beside this script

Each needs upstream's package: chgnet 0.4.2, mace-torch 0.3.16 (e3nn 0.4.4), orb-models 0.5.5 (orbmol reads the file
structures.json that ../orb/structures.py writes), fairchem-core 2.24.0; uma_1_0 fairchem-core 2.21.0.
Weights are those of the tests beside this folder: small seeded models, CHGNet 0.3.0 as released, and models of the
full width with weights from a hash or seed. FOLDER keeps the large files of the latter for mace and uma:
mp0_medium.model (made by ../mace/foundation_golden.py) and uma_real.pt (made by ../uma/make_goldens.py).

| | what is taken |
| chgnet | `atom_fea` of `predict_structure(return_atom_feas=True)` |
| mace | `get_descriptors(invariants_only=False, num_layers=None)` of the calculator |
| orb | `node_features` of the model's output |
| uma | degree 0 of `node_embedding`, which the backbone gives to the heads |
"""
import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
# Cells of one to six atoms; the wide models have one of them.
STRUCTURES = {
    "mace": ["nacl_primitive_displaced", "na_bcc_1atom", "left_handed", "srtio3_rattled"],
    "others": ["nacl_prim", "cu_fcc_1atom", "srtio3_rattled", "triclinic_reduced", "tio2_outside_cell", "h2o_box"],
}
WIDE = {"mace": "left_handed", "others": "srtio3_rattled"}


def atoms_of(structure):
    from ase import Atoms

    return Atoms(structure["numbers"], positions=structure["positions"], cell=structure["cell"], pbc=True)


def chgnet(structures, wide):
    sys.path[:0] = [str(HERE.parent / "chgnet"), str(HERE.parent / "orb")]
    import make_goldens as upstream
    from chgnet.model.model import CHGNet

    upstream.set_dtype(torch.float64)
    tiny = CHGNet.from_dict(torch.load(HERE.parent / "chgnet/chgnet_tiny.pth.tar", weights_only=False)["model"])
    for name, model, crystals in (("chgnet_tiny", tiny, structures), ("chgnet", CHGNet.load(use_device="cpu"), wide)):
        model = model.double().eval()
        yield name, {s["name"]: np.array(upstream.predict(model, s)["atom_fea"]) for s in crystals}


def mace(structures, wide):
    import mace as _  # before torch reads a file: it allows e3nn's
    from mace.calculators import MACECalculator

    small = ["tiny_mp0", "density_zbl_agnesi", "two_heads", "plain_l012", "mh1_style", "format_0_3_3"]
    files = [(HERE.parent / "mace" / name / f"{name}.model", structures) for name in small]
    for path, crystals in files + [(Path(sys.argv[2]) / "mp0_medium.model", wide)]:
        head = dict(head="pbe_d3") if path.stem == "two_heads" else {}
        calculator = MACECalculator(model_paths=str(path), default_dtype="float64", device="cpu", **head)
        describe = lambda s: calculator.get_descriptors(atoms_of(s), invariants_only=False, num_layers=None)
        yield path.stem, {s["name"]: describe(s) for s in crystals}


def orb(structures, wide):
    sys.path.insert(0, str(HERE.parent / "orb"))
    import make_goldens as upstream

    def features(model, structure):
        return model(upstream.graph(model, structure))["node_features"].detach().double().numpy()

    for size, kind, neighbors in (
        ("tiny", "conservative", "inf"), ("tiny", "conservative", "20"), ("tiny", "direct", "inf"),
        ("real", "conservative", "inf"), ("real", "direct", "20"),
    ):
        sizes = {"tiny": upstream.TINY, "real": upstream.REAL}[size]
        model, _, _ = upstream.build(kind, sizes, upstream.NEIGH[neighbors], 7, torch.float64)
        k = upstream.NEIGH[neighbors]
        # Which of several equidistant neighbors are taken is chance.
        crystals = [s for s in (structures if size == "tiny" else wide) if not upstream.tie_at_truncation(s, k)]
        yield f"{size} {kind}-{neighbors}", {s["name"]: features(model, s) for s in crystals}


def orbmol(structures, wide):
    sys.path.insert(0, str(HERE.parent / "orb"))
    import make_omol_goldens as upstream

    def features(model, structure):
        seen = {}
        keep = lambda module, inputs, output: seen.update(all=output["node_features"].detach().double().numpy())
        hook = model.model.register_forward_hook(keep)
        upstream.predict(model, structure, 1, 2, torch.float64)
        hook.remove()
        return seen["all"]

    for kind in ("conservative", "direct"):
        model, _, _ = upstream.build(kind, False, torch.float64)
        yield f"omol {kind}", {s["name"]: features(model, s) for s in structures}


def uma_1_0(structures, wide):
    return uma(structures, wide, ["s1"], [])


def uma(structures, wide, names=("s1p1", "s1p2", "s1p2p1", "m1p1"), real=("uma_real",)):
    sys.path.insert(0, str(HERE.parent / "uma"))
    import make_goldens as upstream

    def features(unit, structure, task, charge, spin):
        seen = {}
        keep = lambda module, inputs, output: seen.update(all=output["node_embedding"].detach().double().numpy())
        atoms = {**structure, "task": task, "charge": charge, "spin": spin}
        if not unit.lazy_model_intialized:
            upstream.predict(unit, atoms, torch.float64)
        hook = unit.model.module.backbone.register_forward_hook(keep)
        upstream.predict(unit, atoms, torch.float64)
        hook.remove()
        return seen["all"][:, 0]

    cases = [(s, "omat", 0, 0) for s in structures if s["name"] != "h2o_box"]
    cases += [(s, "omol", 1, 2) for s in structures if s["name"] == "h2o_box"]
    real = [Path(sys.argv[2]) / f"{name}.pt" for name in real]
    for path in real:
        if not path.exists():
            upstream.write(path, "real")
    tiny = [(HERE.parent / "uma" / f"uma_tiny_{name}.pt", cases) for name in names]
    for path, crystals in tiny + [(path, [(s, "omat", 0, 0) for s in wide]) for path in real]:
        unit = upstream.unit(path, torch.float64)
        yield path.stem, {s["name"]: features(unit, s, *case) for s, *case in crystals}


def embedding(nodes):
    nodes = np.asarray(nodes, dtype=np.float64)
    round_off = lambda row: [float(f"{x:.12e}") for x in row]
    return {"graph": round_off(nodes.mean(axis=0)), "nodes": [round_off(row) for row in nodes]}


def main(potential):
    torch.set_num_threads(1)
    source = "mace/structures.json" if potential == "mace" else "chgnet/goldens_tiny.json"
    known = {s["name"]: s for s in json.loads((HERE.parent / source).read_text())}
    names = STRUCTURES.get(potential, STRUCTURES["others"])
    keys = ("name", "numbers", "cell", "positions")
    structures = [{**{key: known[name][key] for key in keys}, "pbc": [True] * 3} for name in names]
    models = {}
    wide = WIDE.get(potential, WIDE["others"])
    for name, nodes in globals()[potential](structures, [s for s in structures if s["name"] == wide]):
        models[name] = {structure: embedding(rows) for structure, rows in nodes.items()}
        print(name, {structure: np.shape(rows) for structure, rows in nodes.items()}, flush=True)
    text = [f'  "{name}": {json.dumps(structures)}' for name, structures in models.items()]
    crystals = ",\n".join(f"  {json.dumps(structure)}" for structure in structures)
    rows = ",\n".join(text)
    (HERE / f"{potential}.json").write_text(f'{{"structures": [\n{crystals}\n], "models": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    if len(sys.argv) != (3 if sys.argv[1:2] in (["mace"], ["uma"]) else 2) or sys.argv[1] not in ("chgnet", "mace", "orb", "orbmol", "uma", "uma_1_0"):
        sys.exit(__doc__)
    main(sys.argv[1])
