//! CHGNet on one core: energy, forces, stress and magnetic moments of 2, 8, 28 and 64 atoms, in single precision.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../tests/golden/mod.rs"]
mod golden;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Request};
use mlip_models::chgnet::Chgnet;
use std::hint::black_box;

const GOLDENS: &str = include_str!("../tests/chgnet/goldens_0.3.0.json");

fn benchmark(criterion: &mut Criterion) {
    let native = Chgnet::built_in(Precision::F32, EngineKind::Native).unwrap();
    let candle = Chgnet::built_in(Precision::F32, EngineKind::Candle).unwrap();
    let mut group = criterion.benchmark_group("chgnet_f32");
    group.sample_size(10);
    let mut time = |route: &str, potential: &Chgnet, name: &str| {
        let golden = golden::named(GOLDENS, name);
        let structure = golden.structure();
        group.throughput(Throughput::Elements(structure.n_atoms() as u64));
        group.bench_function(format!("{route}/{}_atoms_{name}", structure.n_atoms()), |bencher| {
            bencher.iter(|| potential.predict(&[black_box(&structure)], Request::default(), &Deadline::NONE));
        });
    };
    for name in ["nacl_prim", "nio_8_strained", "lifepo4", "mgo_64_rattled"] {
        time("native", &native, name);
    }
    time("candle", &candle, "nio_8_strained");
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
