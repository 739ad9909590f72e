//! The neighbor search: 64 atoms of rattled rock salt at 6 Å, about 5,600 edges, and 512 atoms.

#![allow(clippy::unwrap_used, reason = "the crystal is a constant")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlip_atoms::neighbors::NeighborList;
use mlip_atoms::{Deadline, Lattice, Species, Structure};
use std::hint::black_box;
use std::time::Duration;

const CUTOFF: f64 = 6.0;

/// `(2 n)³` sites of MgO's lattice, each moved a little.
fn rock_salt(n: usize) -> Structure {
    let (edge, sites) = (4.21 * n as f64, 2 * n);
    let lattice = Lattice::from_vectors([[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]]).unwrap();
    let (mut species, mut fractional) = (Vec::new(), Vec::new());
    for k in 0..sites.pow(3) {
        let at = [k / (sites * sites), k / sites % sites, k % sites];
        species.extend(Species::from_symbol(if at.iter().sum::<usize>().is_multiple_of(2) { "Mg" } else { "O" }));
        let moved = |axis: usize| ((k * [13, 29, 53][axis] % 97) as f64 / 97.0 - 0.5) * 0.2 / edge;
        fractional.push(std::array::from_fn(|axis| at[axis] as f64 / sites as f64 + moved(axis)));
    }
    Structure::new(lattice, species, fractional).unwrap()
}

fn benchmark(criterion: &mut Criterion) {
    let far = Deadline::after(Duration::from_secs(86_400));
    let mut group = criterion.benchmark_group("neighbors_6_angstrom");
    for n in [2, 4] {
        let structure = rock_salt(n);
        group.throughput(Throughput::Elements(
            NeighborList::build(&structure, CUTOFF, &Deadline::NONE).unwrap().n_edges() as u64,
        ));
        group.bench_function(format!("{}_atoms", structure.n_atoms()), |bencher| {
            bencher.iter(|| NeighborList::build(black_box(&structure), CUTOFF, &far));
        });
    }
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
