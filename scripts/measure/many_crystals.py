#!/usr/bin/env python3
"""Writes small crystals, no two of them equal: rock salts with lattices of their own.

usage: many_crystals.py COUNT > TABLE.csv
       many_crystals.py COUNT SET.tar      (or .tar.gz)
       many_crystals.py COUNT SET.extxyz   (cells of 8 atoms)
"""

import csv
import io
import sys
import tarfile

ELEMENTS = ["LiF", "LiCl", "NaF", "NaCl", "KF", "KCl", "MgO", "CaO"]


def cif(index):
    pair = ELEMENTS[index % len(ELEMENTS)]
    second = max(i for i, letter in enumerate(pair) if letter.isupper())
    lines = [f"data_{pair}"]
    lines += [f"_cell_length_{axis} {2.8 + index * 1e-5:.5f}" for axis in "abc"]
    lines += [f"_cell_angle_{angle} 60" for angle in ("alpha", "beta", "gamma")]
    lines += ["_symmetry_space_group_name_H-M 'P 1'", "loop_", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    lines += [f"{pair[:second]} 0 0 0", f"{pair[second:]} 0.5 0.5 0.5", ""]
    return "\n".join(lines)


def main(count):
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["id", "cif"])
    for index in range(count):
        table.writerow([f"crystal-{index:07d}", cif(index)])


def archive(count, path):
    with tarfile.open(path, "w:gz" if path.endswith("gz") else "w") as tar:
        for index in range(count):
            text = cif(index).encode()
            member = tarfile.TarInfo(f"set/crystal-{index:07d}.cif")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))


def frames(count, path):
    corners = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
    with open(path, "w") as file:
        for index in range(count):
            pair = ELEMENTS[index % len(ELEMENTS)]
            second = max(i for i, letter in enumerate(pair) if letter.isupper())
            length = 5.6 + index * 1e-6
            lattice = f"{length:.6f} 0 0 0 {length:.6f} 0 0 0 {length:.6f}"
            file.write(f'8\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
            for site, corner in enumerate(corners):
                symbol = pair[:second] if site < 4 else pair[second:]
                file.write(f"{symbol} " + " ".join(f"{0.5 * length * x:.6f}" for x in corner) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    elif len(sys.argv) == 3 and sys.argv[2].endswith(".extxyz"):
        frames(int(sys.argv[1]), sys.argv[2])
    elif len(sys.argv) == 3:
        archive(int(sys.argv[1]), sys.argv[2])
    else:
        sys.exit(__doc__)
