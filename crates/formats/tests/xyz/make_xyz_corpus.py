"""Frames of extended XYZ in all the forms that its specification has, each with what ASE reads of it: xyz_corpus.txt and
xyz_corpus.json beside this script. `python make_xyz_corpus.py` (ASE 3.29, NumPy). Empty values are left out: ASE takes the next
word for the value of `empty=""`, with its key, against the specification."""
import io, json, random, pathlib
import numpy as np
import ase.io
rng = random.Random(17)
HERE = pathlib.Path(__file__).parent
def number(x):
    return rng.choice(["%.6f", "%.8g", "%+.5f", "%.6e"]) % x
def lattice():
    a = [[3.5 + 2 * rng.random() if i == j else rng.uniform(-0.6, 0.6) for j in range(3)] for i in range(3)]
    return [[float(number(x)) for x in row] for row in a]
def quoted(text, quotes):
    left, right = rng.choice(quotes)
    return left + text + right
OTHER = [r'comment="say \"pbc=F\" and \"Lattice=\""', r"source='it\'s Lattice=1 now'", r'path="C:\\x\\Lattice"', "flag", 'energy=-1.5', 'x={1 2 3}', 'name="a b = c"',
         'stress="1 2 3 4 5 6 7 8 9"', r'config="_JSON {\"a\": \"x pbc=F y\"}"', 'T = 300', 'a=b=c', 'virial=[1, 0, 0, 0, 1, 0, 0, 0, 1]', r'odd=a\ Lattice', 'free_energy = -2', "e=''x", 'Lattice_origin="0 0 0"', 'n="1,2,3"']
def comment(cell, columns):
    flat = [number(x) for row in cell for x in row]
    sep = rng.choice([" ", "  ", ", ", ",", "\t"])
    value = quoted(sep.join(flat), ['""', "''", "{}", "[]"])
    eq = rng.choice(["=", "=", "=", " = ", "= ", " ="])
    pairs = [f"Lattice{eq}{value}", f"Properties{rng.choice(['=', ' = '])}{quoted(columns, [('', ''), (chr(34), chr(34))])}"]
    if rng.random() < 0.5:
        pairs.append("pbc=" + rng.choice(['"T T T"', '"True True True"', "[T, T, T]", "T", '"1 1 1"', '"T T F"', '"F F F"']))
    if rng.random() < 0.15:  # an earlier one, which does not count
        pairs.insert(0, 'Lattice="9 0 0 0 9 0 0 0 9"')
        if pairs[1].startswith("Properties"): pairs[1], pairs[2] = pairs[2], pairs[1]
    pairs += rng.sample(OTHER, rng.randint(0, 5))
    first = pairs[0] if pairs[0].startswith('Lattice="9') else None
    rest = pairs[1:] if first else pairs
    rng.shuffle(rest)
    return rng.choice([" ", "  ", "\t"]).join(([first] if first else []) + rest)
COLUMNS = {"species": ("S", 1), "pos": ("R", 3), "forces": ("R", 3), "Z": ("I", 1), "tags": ("I", 1), "magmoms": ("R", 1), "fixed": ("L", 1), "note": ("S", 1), "momenta": ("R", 3)}
def frame():
    n = rng.randint(1, 6)
    names = [rng.choice(["species", "species", "species", "Z"]), "pos"] + rng.sample(["forces", "tags", "magmoms", "fixed", "note", "momenta"], rng.randint(0, 3))
    rng.shuffle(names)
    columns = ":".join(f"{k}:{COLUMNS[k][0]}:{COLUMNS[k][1]}" for k in names)
    cell = lattice(); lines = [f"{rng.choice(['', ' '])}{n}{rng.choice(['', ' '])}", comment(cell, columns)]
    for _ in range(n):
        z = rng.choice([1, 8, 11, 12, 17, 26, 92]); words = []
        for k in names:
            words += {"species": lambda: [ase.data.chemical_symbols[z]], "Z": lambda: [str(z)], "tags": lambda: [str(rng.randint(-2, 2))], "fixed": lambda: [rng.choice("TF")],
                      "note": lambda: [rng.choice(["x", "1", "T", "Fe"])]}.get(k, lambda: [number(rng.uniform(-4, 9)) for _ in range(COLUMNS[k][1])])()
        lines.append(rng.choice([" ", "   ", "\t"]).join(words))
    return "\n".join(lines) + "\n"
texts, read, refused = [], [], 0
while len(texts) < 300:
    text = frame()
    try:
        atoms = ase.io.read(io.StringIO(text), format="extxyz")
        if not atoms.cell.rank == 3: raise ValueError
    except Exception:
        refused += 1
        continue
    texts.append(text)
    read.append({"numbers": atoms.numbers.tolist(), "cell": atoms.cell.array.tolist(), "positions": atoms.positions.tolist(), "periodic": bool(atoms.pbc.all())})
print(refused, "refused by ASE")
(HERE / "xyz_corpus.txt").write_text("%%\n".join(texts))
(HERE / "xyz_corpus.json").write_text("[\n" + ",\n".join(json.dumps(one) for one in read) + "\n]\n")
