//! Reading one CIF: a listed cell of 20 atoms, rock salt by 192 operations and by name, diamond without an origin.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlip_formats::cif::{CifOptions, parse_cif};
use std::fmt::Write;
use std::hint::black_box;

fn listed(n_atoms: usize) -> String {
    let mut text = String::from(
        "data_x\n_symmetry_space_group_name_H-M 'P 1'\n_cell_length_a 7.1\n_cell_length_b 7.2\n_cell_length_c 7.3\n\
         _cell_angle_alpha 90\n_cell_angle_beta 95\n_cell_angle_gamma 90\n_symmetry_Int_Tables_number 1\n\
         _chemical_formula_sum 'O20'\nloop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 'x, y, z'\n\
         loop_\n_atom_site_type_symbol\n_atom_site_label\n_atom_site_symmetry_multiplicity\n_atom_site_fract_x\n\
         _atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n",
    );
    for k in 0..n_atoms {
        let x = |step: usize| (k * step % 97) as f64 / 97.0;
        let _ = writeln!(text, "  O  O{k}  1  {:.8}  {:.8}  {:.8}  1", x(13), x(29), x(53));
    }
    text
}

fn benchmark(criterion: &mut Criterion) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cif/quirks/");
    let file = |name: &str| std::fs::read(format!("{folder}{name}")).unwrap_or_default();
    let cases = [
        ("listed_20", listed(20).into_bytes()),
        ("rock_salt_by_192_operations", file("ref_nacl.cif")),
        ("rock_salt_by_name", file("sym_hm_full_symbol.cif")),
        ("origin_by_evidence", file("sym_hm_fd3m_ambiguous_2.cif")),
    ];
    let mut group = criterion.benchmark_group("parse_cif");
    for (name, bytes) in cases {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| parse_cif(black_box(&bytes), &CifOptions::default())));
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
