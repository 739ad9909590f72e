"""The reference systems of D3 as tables for this program: c6.bin and reference.rs, from the data of tad-dftd3.

    pip install --no-deps --target DIR tad-dftd3==0.7.0        # Apache-2.0
    python make_reference.py DIR

Coefficients are multiples of 1e-4 Hartree Bohr^6: c6.bin holds them as unsigned 32-bit integers, little-endian, for elements
a = 1…94, b = 1…a, references of a, references of b.
"""
import re
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
N = 94


def numbers(path, name):
    text = re.sub(r"#.*", "", Path(path).read_text().split(name, 1)[1].split("]", 1)[0])
    return [float(word) for word in re.findall(r"[-+]?\d+\.\d+", text)]


def main():
    folder = Path(sys.argv[1])
    source = (folder / "tad_dftd3/reference.py").read_text()
    rows = re.findall(r"\[((?:\s*[+-]?\s*\d+\.\d+,?){7})\s*\],?\s*#", source)
    rows = [[float(x.replace(" ", "")) for x in row.split(",") if x.strip()] for row in rows]
    known = [[x for x in row if x >= 0] for row in rows][1 : N + 1]
    c6 = torch.load(folder / "tad_dftd3/reference-c6.pt", weights_only=False).double().numpy()
    values = [c6[a + 1, b + 1, i, j] for a in range(N) for b in range(a + 1)
              for i in range(len(known[a])) for j in range(len(known[b]))]
    scaled = np.rint(np.array(values) * 1e4)
    assert np.abs(scaled - np.array(values) * 1e4).max() < 1e-6
    (HERE / "c6.bin").write_bytes(scaled.astype("<u4").tobytes())
    radii = numbers(folder / "tad_mctc/data/radii.py", "_COV_2009 = [")[1 : N + 1]
    moments = numbers(folder / "tad_dftd3/data/r4r2.py", "_r4_over_r2 = [")[1 : N + 1]
    assert len(radii) == len(moments) == N

    def lines(values, form):
        words = [form(value) for value in values]
        return "\n".join("    " + ", ".join(words[at : at + 10]) + "," for at in range(0, N, 10))

    text = f"""//! Data of D3 for the elements up to plutonium, written by `make_reference.py`.
//!
//! Sources: S. Grimme, J. Antony, S. Ehrlich, H. Krieg, J. Chem. Phys. 132, 154104 (2010); actinides: L. Wittmann,
//! I. Gordiy, M. Friede, B. Helmich-Paris, S. Grimme, A. Hansen, M. Bursch, Phys. Chem. Chem. Phys. 26, 21379 (2024). As in
//! tad-dftd3 0.7.0 (Apache-2.0).

/// Elements that D3 covers here.
pub(super) const N_ELEMENTS: usize = {N};

/// C6 of pairs of reference systems, 1e-4 Hartree Bohr^6, as the script says.
pub(super) static C6: &[u8] = include_bytes!("c6.bin");

/// Coordination numbers of the reference systems.
#[rustfmt::skip]
pub(super) static COORDINATION: [&[f64]; N_ELEMENTS] = [
{lines(known, lambda row: "&" + str(row))}
];

/// Covalent radii, Å; those of metals are a tenth smaller than in P. Pyykkö and M. Atsumi, Chem. Eur. J. 15, 188 (2009).
#[rustfmt::skip]
pub(super) static RADII: [f64; N_ELEMENTS] = [
{lines(radii, str)}
];

/// Expectation values of r^4 over those of r^2, Bohr^2.
#[rustfmt::skip]
pub(super) static MOMENTS: [f64; N_ELEMENTS] = [
{lines(moments, str)}
];
"""
    (HERE / "reference.rs").write_text(text)


if __name__ == "__main__":
    main()
