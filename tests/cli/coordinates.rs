//! Rounded coordinates of CIFs, as written and as pymatgen has them.

use crate::support::{python, run, said, script};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Tungsten carbide's structure with rounded thirds: symmetry multiplies what a reader makes of them.
const HEXAGONAL: &str = "data_MoC
_cell_length_a 2.92
_cell_length_b 2.92
_cell_length_c 2.83
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P -6 m 2'
_symmetry_Int_Tables_number 187
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
'-y, x-y, z'
'-x+y, -x, z'
'-y, -x, z'
'-x+y, y, z'
'x, x-y, z'
'x, y, -z'
'-y, x-y, -z'
'-x+y, -x, -z'
'-y, -x, -z'
'-x+y, y, -z'
'x, x-y, -z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mo1 Mo 0 0 0
C1 C 0.33330656 0.6666931 0.5
";

/// Near the limits of what pymatgen moves, on both sides, and what it leaves.
const NEAR: [&str; 18] = [
    "0.3333",
    "0.33329",
    "0.3332999",
    "0.3333001",
    "0.3333666",
    "0.3333667",
    "0.33337",
    "0.3333(2)",
    "-0.3333",
    "1.3333",
    "0.6666",
    "0.66659",
    "0.6665999",
    "0.6667333",
    "0.6667334",
    "0.66674",
    "0.1667",
    "+.333333",
];

fn near() -> String {
    let mut text = "data_near\n_cell_length_a 30\n_cell_length_b 31\n_cell_length_c 32\n_cell_angle_alpha 90\n\
                    _cell_angle_beta 91\n_cell_angle_gamma 92\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n\
                    _atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        .to_owned();
    for (number, x) in NEAR.iter().enumerate() {
        let other = NEAR[(number + 5) % NEAR.len()];
        // 1.6 Å apart.
        writeln!(text, "Na{number} Na {x} {other} {:.2}", 0.05 * number as f64).unwrap();
    }
    text
}

/// Of each structure: its id, and the largest difference of a coordinate to pymatgen's reader of the same file.
const COMPARE: &str = r#"
import json, sys, warnings
import numpy as np
from pymatgen.core import Structure
warnings.filterwarnings("ignore")
for line in open("RUN/report/structures.jsonl"):
    read = json.loads(line)
    ours, theirs = Structure.from_dict(read), Structure.from_file(read["properties"]["path"])
    assert ours.composition == theirs.composition
    apart = ours.frac_coords[:, None] - theirs.frac_coords[None]
    apart = np.abs(apart - np.round(apart)).max(-1)
    apart += [[9 * (a.specie != b.specie) for b in theirs] for a in ours]
    assert len(set(apart.argmin(1))) == len(ours)
    print(read["properties"]["structure_id"], apart.min(1).max())
"#;

#[test]
fn rounded_thirds_are_read_as_pymatgen_reads_them() {
    let Some(python) = python(&["pymatgen.core", "numpy"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cifs = folder.path().join("cifs");
    fs::create_dir(&cifs).unwrap();
    fs::write(cifs.join("MoC.cif"), HEXAGONAL).unwrap();
    fs::write(cifs.join("near.cif"), near()).unwrap();
    for name in ["aflow_JVASP-63577_KNiAu3C6N6", "mp_mp-1009504", "mp_mp-1029121", "oqmd_oqmd-2032155"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/cifs/{name}.cif"));
        fs::copy(file, cifs.join(format!("{name}.cif"))).unwrap();
    }
    let apart = |coordinates: &str| -> Vec<f64> {
        let _ = fs::remove_dir_all(folder.path().join("RUN"));
        let flags =
            ["run", "--cifs", "cifs", "--model", "lennard-jones", "--format", "jsonl", "--coordinates", coordinates];
        let output = run(&flags, folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let printed = script(&python, COMPARE, folder.path());
        printed.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(apart("pymatgen"), [0.0; 6]);
    let written = apart("file");
    assert!(
        written.iter().filter(|apart| **apart > 1e-9).count() >= 2 && written.iter().all(|apart| *apart < 1e-4),
        "{written:?}"
    );
}
