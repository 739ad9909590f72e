//! UMA with the hyperparameters of `uma-s-1p1`: 146 million weights, made from their names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod embedding_goldens;
mod hashinit;
mod torch_writer;
mod uma_golden;
mod uma_seeded;

use mlip_atoms::{Deadline, EngineKind, Potential, Precision, Request};
use mlip_models::uma::{Options, Uma};
use std::fs;
use uma_golden::{Answer, Deviations};
use uma_seeded::{reference, write_checkpoint};

/// Of `f64`, against upstream without merging, as in the tests of the tiny models. Upstream's own merge goes through
/// single precision, which moves its energies by up to 1e-6 eV.
const EXACT: Deviations = [1e-9, 1e-9, 1e-9];

#[test]
fn the_real_size_equals_upstream_in_both_precisions() {
    let Some(folder) = reference() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("uma-s-1p1.pt");
    write_checkpoint(&folder, &file);
    let goldens = uma_golden::read(&fs::read_to_string(folder.join("goldens_real_s1p1.json")).unwrap());
    assert_eq!(goldens.len(), 12);
    let rounding = uma_golden::recorded_rounding(&goldens);
    eprintln!("upstream's rounding: {rounding:?}");
    let mut embeddings = 0;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (precision, limits) in [(Precision::F64, EXACT), (Precision::F32, rounding)] {
        let mut last: Option<(String, Uma)> = None;
        let mut worst = [0.0; 3];
        for golden in &goldens {
            let settings = format!("{} {} {}", golden.task, golden.charge, golden.spin);
            if last.as_ref().is_none_or(|(known, _)| *known != settings) {
                let (charge, spin) = (Some(golden.charge), Some(golden.spin));
                let options = Options { task: Some(golden.task.clone()), charge, spin, ..Options::default() };
                last = Some((
                    settings.clone(),
                    Uma::from_file("uma-s-1p1", &file, &options, precision, EngineKind::Native).unwrap(),
                ));
            }
            let potential = &last.as_ref().unwrap().1;
            let request = Request { forces: true, atom_features: false };
            let got = potential.predict(&[&golden.structure()], request, &Deadline::NONE).remove(0).unwrap();
            if precision == Precision::F32 {
                // The same on two threads, to the bit.
                let structure = golden.structure();
                let predict = || potential.predict(&[&structure], request, &Deadline::NONE).remove(0).unwrap();
                assert_eq!(threads.install(predict), got, "{}", golden.name);
            }
            let found = uma_golden::deviations(&Answer::from(&got), &golden.f64);
            assert!(uma_golden::within(found, limits), "{} {settings} {precision}: {found:?}", golden.name);
            worst = uma_golden::worse(worst, found);
            if precision == Precision::F64 && (&*golden.name, &*golden.task) == ("srtio3_rattled", "omat") {
                assert_eq!(embedding_goldens::Goldens::read("uma").compare("uma_real", 128, potential).0, 1);
                embeddings += 1;
            }
        }
        eprintln!("{precision}: {worst:?}");
    }
    assert_eq!(embeddings, 1);
}
