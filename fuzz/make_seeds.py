"""Makes the small texts that fuzzers begin with: fuzz/seeds/TARGET/*. Run from the root of the repository; needs nothing
but Python. What is binary comes from Python's own writers and from runs that are kept for tests."""

import bz2
import collections
import gzip
import io
import json
import lzma
import pickle
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "fuzz" / "seeds"

CIF = """data_x
_cell_length_a 4.2
_cell_length_b 4.2
_cell_length_c 4.2(1)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P m -3 m'
loop_
_space_group_symop_operation_xyz
'x,y,z'
'-x,-y,z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cs1 Cs+ 0 0 0 1
Cl1 Cl- 0.5 1/2 .5 1.0
"""
XYZ = """2
Lattice="4.2 0 0 0 4.2 0 0 0 4.2" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" charge=-1 note='it\\'s "so"'
Na 0 0 0 0.1 0 0
Cl 2.1 2.1 2.1 -0.1 0 0
"""
POSCAR = """NaCl
1.0
4.2 0 0
0 4.2 0
0 0 4.2
Na Cl
1 1
Selective dynamics
Direct
0 0 0 T T T
0.5 0.5 0.5 F F F
"""


def structure():
    site = lambda element, at: {"species": [{"element": element, "occu": 1}], "abc": at, "label": element}
    return {
        "@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0,
        "lattice": {"matrix": [[4.2, 0, 0], [0, 4.2, 0], [0, 0, 4.2]], "pbc": [True, True, True]},
        "sites": [site("Na", [0, 0, 0]), site("Cl", [0.5, 0.5, 0.5])],
    }


def put(target, name, content):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def archives():
    members = [("a.cif", CIF), ("d/t.xyz", XYZ * 2), ("POSCAR", POSCAR), ("j.json", json.dumps(structure()))]
    for name, method in [("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for member, text in members + ([("a.cif", CIF)] if name == "stored" else []):
                archive.writestr(zipfile.ZipInfo(member), text, method)
        put("zip", name, out.getvalue())
    plain = None
    for name, form in [("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)]:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for member, text in members + [("l" * 120 + ".cif", CIF)]:
                info = tarfile.TarInfo(member)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        plain = out.getvalue()
        put("tar", name, plain)
    put("packed", "gz", b"\x00" + gzip.compress((XYZ * 2).encode(), mtime=0))
    put("packed", "bz2", b"\x01" + bz2.compress(CIF.encode()))
    put("packed", "xz", b"\x03" + lzma.compress(json.dumps(structure()).encode()))
    put("packed", "tgz", b"\x04" + gzip.compress(plain, mtime=0))


def checkpoints():
    def tensor(key, n):
        # torch._utils._rebuild_tensor_v2(storage, 0, (n,), (1,), False, OrderedDict())
        storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + text(key) + text("cpu") + b"K" + bytes([n]) + b"tQ"
        size = b"K" + bytes([n]) + b"\x85" + b"K\x01\x85"
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + size + b"\x89ccollections\nOrderedDict\n)RtR"

    def text(word):
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    data = b"\x80\x02}(" + text("model") + b"}(" + text("w") + tensor("0", 3) + text("b") + tensor("1", 2) + b"u" + text("n") + b"K\x07u."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [
            ("x/data.pkl", data), ("x/byteorder", b"little"), ("x/data/0", struct.pack("<3f", 1, 2, 3)),
            ("x/data/1", struct.pack("<2f", 4, 5)), ("x/version", b"3\n"),
        ]:
            archive.writestr(zipfile.ZipInfo(name), content)
    put("checkpoint", "torch", out.getvalue())
    put("pickle", "torch", data)
    for protocol in range(5):
        value = {"a": [1, 2.5, None, True, "x"], "b": (1 << 70, b"\x00\xff", {"c"}), 3: {"deep": [[[]]]}}
        put("pickle", f"protocol_{protocol}", pickle.dumps(value, protocol))


def torch_file(path):
    """What a file of torch.save holds, tensors as (shape, bytes) of little-endian float32: without torch."""
    archive = zipfile.ZipFile(path)
    member = lambda name: archive.read(next(one for one in archive.namelist() if one.endswith("/" + name)))

    def tensor(storage, offset, shape, stride, *_):
        kind, content = storage
        if kind != "FloatStorage":
            return None
        n = 1
        for length in shape:
            n *= length
        return shape, content[4 * offset : 4 * (offset + n)]

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if name == "OrderedDict":
                return collections.OrderedDict
            return tensor if name == "_rebuild_tensor_v2" else type(name, (dict,), {"__new__": lambda cls, *_: dict.__new__(cls)})

        def persistent_load(self, what):
            return what[1].__name__, member(f"data/{what[2]}")

    return Reader(io.BytesIO(member("data.pkl"))).load()


def safetensors(tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, found in tensors.items():
        if found is None or not found[1]:
            continue
        shape, content = found
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def weights():
    """Small models whose names and shapes are right: what is changed in them gets as far as their network."""
    tests = ROOT / "crates" / "models" / "tests"
    chgnet = torch_file(tests / "chgnet" / "chgnet_tiny.pth.tar")["model"]
    put("safetensors", "chgnet", b"\x00" + safetensors(chgnet["state_dict"], {"model_args": json.dumps(chgnet["model_args"])}))
    sevennet = torch_file(tests / "sevennet" / "tiny_modal_mf" / "tiny_modal_mf.pth")
    config = json.dumps(sevennet["config"], default=str)
    put("safetensors", "sevennet", b"\x01" + safetensors(sevennet["model_state_dict"], {"config": config}))


def settings():
    """Job files of the repository: the first byte chooses how they are named."""
    for path in sorted((ROOT / "jobs").glob("*.toml")):
        put("job", path.stem, b"\x00" + path.read_bytes())
    for path in sorted((ROOT / "configs").glob("*.toml")):
        put("job", "config_" + path.stem, b"\x02" + path.read_bytes())
    yaml = """type: multi_mlip_stability
use_ensemble: true
mlip_names: [orb, mace, uma]
preprocessor_config:
  timeout: 60
  mlip_configs:
    mace: &mace {model_type: mp, device: cpu, checkpoint: weights/m.model}
    uma:
      task: omat
"""
    put("job", "yaml", b"\x01" + yaml.encode())
    put("job", "model", b"\x00" + b"cifs = ['a', '-']\nwhere = 'n_atoms <= 20'\n[[model]]\nname = 'uma'\ncheckpoint = 'u.pt'\ntask = 'omat'\n")


def stored():
    runs = ROOT / "tests" / "fixtures" / "runs"
    for number, path in enumerate(sorted(runs.glob("**/*.journal"))[:4]):
        put("journal", f"run_{number}", path.read_bytes()[:8192])
        put("cache", f"run_{number}", path.read_bytes()[:4096])
        payloads, data, at = b"", path.read_bytes(), 12
        while at + 8 <= len(data) and len(payloads) < 2000:
            (length,) = struct.unpack_from("<I", data, at)
            if length < 256 and data[at + 8] != 0:
                payloads += bytes([length]) + data[at + 8 : at + 8 + length]
            at += 8 + length
        put("frames", f"run_{number}", payloads)
    for number, path in enumerate(sorted(runs.glob("**/run.toml"))):
        put("run_file", f"run_{number}", path.read_bytes())
    for number, path in enumerate(sorted(runs.glob("**/inputs.manifest"))):
        put("manifest", f"run_{number}", path.read_bytes()[:4096])
    lines = "mlip-batch inputs 2\nd\ta\nf\t0\tx.cif\nt\t4,c5,s6\tt.csv\nr\t0\t1\t100\tid\ns\tb.tgz\t\np\t0\tck17\t0\t3\t1\t:x.cif\n"
    put("manifest", "all_kinds", lines)
    put("message", "empty", b"\x00")
    put("message", "zeros", bytes(64))
    put("message", "ones", bytes([1] * 64))


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    put("cif", "salt", CIF)
    put("cif", "two", CIF + CIF.replace("data_x", "data_y"))
    for path in sorted((ROOT / "crates" / "formats" / "tests" / "cif" / "quirks").glob("*.cif"))[::9]:
        if path.stat().st_size < 4096:
            put("cif", path.stem, path.read_bytes())
    put("xyz", "salt", XYZ)
    for number in range(12):
        put("evaluate", f"potential_{number:02}", bytes([number]) + XYZ.encode())
    put("xyz", "plain", "1\n\nH 0 0 0\n")
    put("xyz", "arrays", XYZ.replace("charge=-1", "a=[[1, 2], [3, 4]] b={1 2 3} _JSON"))
    put("poscar", "salt", POSCAR)
    put("poscar", "old", POSCAR.replace("Na Cl\n1 1", "1 1").replace("Selective dynamics\n", ""))
    document = {"material_id": "mp-1", "structure": structure(), "energy": float("nan")}
    put("json", "structure", json.dumps(structure()))
    put("json", "document", json.dumps(document))
    put("json", "text", json.dumps({"structure": json.dumps(structure()), "cif": CIF}))
    for number, text in enumerate([CIF, XYZ * 3, json.dumps([structure()] * 2), json.dumps(document) + "\n" + json.dumps({"cif": CIF}), POSCAR, POSCAR, XYZ]):
        put("entries", f"format_{number}", bytes([number]) + text.encode())
    rows = 'material_id,cif,charge,spin\na,"' + CIF.replace('"', '""') + '",0,1\nb,"' + CIF + '",,\n'
    put("table", "cifs", rows)
    put("table", "json", 'id,structure\na,"' + json.dumps(structure()).replace('"', '""') + '"\n')
    put("list", "paths", "a.cif\n# comment\n\nd/b.cif\nc.xyz\r\n")
    put("hull_table", "csv", b"\x00" + b"id,formula,energy\na,NaCl,-6.9\nb,Na2,-2.5\n")
    put("hull_table", "jsonl", b"\x01" + b'{"id": "a", "formula": "NaCl", "energy": -6.9}\n{"composition": {"Na": 1}, "energy": -1.3}\n')
    put("parquet", "formulas", (ROOT / "crates" / "hull" / "tests" / "goldens" / "formulas.parquet").read_bytes())
    archives()
    checkpoints()
    weights()
    settings()
    stored()


if __name__ == "__main__":
    main()
