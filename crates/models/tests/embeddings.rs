//! Embeddings against those of upstream's own code, in double precision, with both engines.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod embedding_goldens;
mod orb_support;

use embedding_goldens::Goldens;
use mlip_atoms::{EngineKind, Precision};
use mlip_models::chgnet::Chgnet;
use mlip_models::mace::{Mace, Options as MaceOptions};
use mlip_models::uma::{Options as UmaOptions, Uma};
use std::path::{Path, PathBuf};

const ENGINES: [EngineKind; 2] = [EngineKind::Native, EngineKind::Candle];

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

#[test]
fn chgnets_are_upstreams_atom_features() {
    let goldens = Goldens::read("chgnet");
    for engine in ENGINES {
        let tiny = Chgnet::from_file(&file("chgnet/chgnet_tiny.pth.tar"), Precision::F64, engine).unwrap();
        assert_eq!(goldens.compare("chgnet_tiny", 8, &tiny).0, 6);
        let released = Chgnet::built_in(Precision::F64, engine).unwrap();
        assert_eq!(goldens.compare("chgnet", 64, &released).0, 1);
    }
}

#[test]
fn maces_are_upstreams_descriptors_with_all_their_components() {
    let goldens = Goldens::read("mace");
    let models = [
        ("tiny_mp0", 40),
        ("format_0_3_3", 40),
        ("density_zbl_agnesi", 40),
        ("two_heads", 40),
        ("plain_l012", 152),
        ("mh1_style", 80),
    ];
    for (model, width) in models {
        for engine in ENGINES {
            let head = (model == "two_heads").then(|| "pbe_d3".to_owned());
            let options = MaceOptions { head, exact_radial: engine == EngineKind::Native, ..MaceOptions::default() };
            let path = file(&format!("mace/{model}/{model}.model"));
            let mace = Mace::from_file(&path, "mace", &options, Precision::F64, engine).unwrap();
            assert_eq!(goldens.compare(model, width, &mace).0, 4);
        }
    }
}

/// As the program computes them unless asked otherwise.
#[test]
fn tables_of_radial_functions_change_maces_by_less_than_1e_7() {
    let goldens = Goldens::read("mace");
    let path = file("mace/tiny_mp0/tiny_mp0.model");
    let mace = Mace::from_file(&path, "mace", &MaceOptions::default(), Precision::F64, EngineKind::Native).unwrap();
    for structure in goldens.names("tiny_mp0") {
        let off = goldens.deviation("tiny_mp0", structure, 40, &mace);
        assert!(off < 1e-7, "{structure}: {off:e}");
    }
}

#[test]
fn orbs_are_upstreams_features_of_nodes() {
    let goldens = Goldens::read("orb");
    for (model, n) in [("conservative-inf", 6), ("conservative-20", 3), ("direct-inf", 6)] {
        let name = format!("orb-v3-{model}-omat");
        for orb in [orb_support::tiny(&name, Precision::F64), orb_support::tiny_candle(&name, Precision::F64)] {
            assert_eq!(goldens.compare(&format!("tiny {model}"), 16, &orb).0, n);
        }
    }
    for model in ["conservative-inf", "direct-20"] {
        let orb = orb_support::real(&format!("orb-v3-{model}-omat"), Precision::F64);
        assert_eq!(goldens.compare(&format!("real {model}"), 256, &orb).0, 1);
    }
}

#[test]
fn umas_are_degree_0_of_upstreams_embedding_before_the_head() {
    let (later, first) = (Goldens::read("uma"), Goldens::read("uma_1_0"));
    let models = [
        ("uma-s-1p1", "s1p1", 8, &later),
        ("uma-s-1p2", "s1p2", 4, &later),
        ("uma-s-1p2p1", "s1p2p1", 8, &later),
        ("uma-m-1p1", "m1p1", 6, &later),
        ("uma-s-1", "s1", 4, &first),
    ];
    for (name, model, width, goldens) in models {
        let path = file(&format!("uma/uma_tiny_{model}.pt"));
        let key = format!("uma_tiny_{model}");
        for engine in ENGINES {
            let load = |options: &UmaOptions| Uma::from_file(name, &path, options, Precision::F64, engine).unwrap();
            let materials = load(&UmaOptions::default());
            // A molecule with a charge and a spin, as another task sees it.
            let molecules = load(&UmaOptions {
                task: Some("omol".into()),
                charge: Some(1),
                spin: Some(2),
                ..UmaOptions::default()
            });
            let mut worst = 0.0_f64;
            for structure in goldens.names(&key) {
                let uma = if structure == "h2o_box" { &molecules } else { &materials };
                worst = worst.max(goldens.deviation(&key, structure, width, uma));
            }
            eprintln!("{key} {engine:?}: {worst:.1e}");
            assert!(worst <= embedding_goldens::EXACT && goldens.names(&key).count() == 6, "{key}: {worst:e}");
        }
    }
}

#[test]
fn orbmols_are_upstreams_features_of_nodes() {
    let goldens = Goldens::read("orbmol");
    for kind in ["conservative", "direct"] {
        let name = format!("orb-v3-{kind}-omol");
        for orb in [orb_support::tiny(&name, Precision::F64), orb_support::tiny_candle(&name, Precision::F64)] {
            let orb = orb.with_charge_and_spin(1, 2).unwrap();
            assert_eq!(goldens.compare(&format!("omol {kind}"), 16, &orb).0, 6);
        }
    }
}
