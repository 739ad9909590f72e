//! MACE on one core: energy, forces and stress of 2, 8, 20, 64 and 500 atoms, neighbor list included.
//!
//! Reads the model from `MLIP_BENCH_MACE`; without it there is nothing to measure.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlip_atoms::{Deadline, EngineKind, Lattice, Potential, Precision, Request, Species, Structure};
use mlip_models::mace::{Mace, Options};
use std::hint::black_box;
use std::path::Path;

const STRUCTURES: &str = include_str!("mace_structures.json");

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    match value.as_array() {
        Some(items) => items.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

fn structures() -> Vec<Structure> {
    let list: Vec<serde_json::Value> = serde_json::from_str(STRUCTURES).unwrap();
    let read = |entry: &serde_json::Value| {
        let cell = numbers(&entry["cell"]);
        let lattice = Lattice::from_vectors([0, 1, 2].map(|k| [cell[3 * k], cell[3 * k + 1], cell[3 * k + 2]]));
        let lattice = lattice.unwrap();
        let species = numbers(&entry["numbers"]);
        let species = species.iter().map(|z| Species::from_atomic_number(*z as u8).unwrap()).collect();
        let positions = numbers(&entry["positions"]);
        let fractional = positions.chunks_exact(3).map(|x| lattice.fractional([x[0], x[1], x[2]])).collect();
        Structure::new(lattice, species, fractional).unwrap()
    };
    list.iter().map(read).collect()
}

fn benchmark(criterion: &mut Criterion) {
    let Some(file) = std::env::var_os("MLIP_BENCH_MACE") else {
        eprintln!("skipped: MLIP_BENCH_MACE names no model");
        return;
    };
    let mut group = criterion.benchmark_group("mace_f32");
    group.sample_size(10);
    for exact_radial in [false, true] {
        let options = Options { exact_radial, ..Options::default() };
        let potential =
            Mace::from_file(Path::new(&file), "mace", &options, Precision::F32, EngineKind::Native).unwrap();
        let route = if exact_radial { "exact" } else { "table" };
        for structure in structures() {
            group.throughput(Throughput::Elements(structure.n_atoms() as u64));
            group.bench_function(format!("{route}/{}_atoms", structure.n_atoms()), |bencher| {
                bencher.iter(|| potential.predict(&[black_box(&structure)], Request::default(), &Deadline::NONE));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
