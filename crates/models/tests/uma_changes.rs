//! UMA's file while it is in use: what happens to it must never become a wrong number.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod uma_golden;

use mlip_atoms::{
    Deadline, DeviceError, EngineKind, Potential, Precision, PredictError, Prediction, Request, Structure,
};
use mlip_models::uma::{Options, Uma};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TINY: (&str, &str) = ("uma_tiny_s1p1.pt", include_str!("uma/goldens_tiny_s1p1.json"));
const ENERGY: Request = Request { forces: false, atom_features: false };

/// A copy that may be damaged.
fn copy() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("uma.pt");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uma").join(TINY.0), &file).unwrap();
    (folder, file)
}

fn load(file: &Path) -> Result<Uma, mlip_models::uma::LoadError> {
    Uma::from_file("uma", file, &Options::default(), Precision::F64, EngineKind::Native)
}

fn structure(name: &str) -> Structure {
    uma_golden::named(TINY.1, name).structure()
}

fn predict(uma: &Uma, name: &str) -> Result<Prediction, PredictError> {
    uma.predict(&[&structure(name)], ENERGY, &Deadline::NONE).remove(0)
}

/// Where the experts of a convolution lie: a float32 tensor of four experts.
fn experts(file: &Path) -> std::ops::Range<usize> {
    let classes = ["fairchem.core.units.mlip_unit.api.inference.MLIPInferenceCheckpoint", "omegaconf.*", "typing.Any"];
    let checkpoint = mlip_checkpoint::Checkpoint::open(file, &classes).unwrap();
    let state = checkpoint.root().field("ema_state_dict").unwrap();
    let name = "module.backbone.blocks.1.edge_wise.so2_conv_2.fc_m0.weights";
    let tensor = state.field(name).unwrap().tensor().unwrap();
    let (start, length) = checkpoint.byte_range(&tensor).unwrap();
    start as usize..(start + length) as usize
}

fn lost(result: Result<Prediction, PredictError>) -> String {
    match result {
        Err(PredictError::Device(DeviceError::Lost(sentence))) => sentence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flipped_bit_among_the_experts_is_an_error_when_they_are_loaded() {
    let (_folder, file) = copy();
    let mut bytes = fs::read(&file).unwrap();
    bytes[experts(&file).start + 6] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    let message = load(&file).err().unwrap().to_string();
    assert!(message.contains("uma.pt") && message.contains("checksum"), "{message}");
}

#[test]
fn experts_that_are_overwritten_in_use_end_the_run_instead_of_giving_other_energies() {
    let (_folder, file) = copy();
    let uma = load(&file).unwrap();
    let first = predict(&uma, "mg_hcp").unwrap();
    let range = experts(&file);
    // Other numbers of the same length, written the moment after: one and a half for every expert's weight.
    let numbers = 1.5f32.to_le_bytes().repeat(range.len() / 4);
    File::options().write(true).open(&file).unwrap().write_all_at(&numbers, range.start as u64).unwrap();
    for _ in 0..3 {
        let sentence = lost(predict(&uma, "nacl_prim"));
        assert!(sentence.contains("uma.pt") && sentence.contains("overwritten"), "{sentence}");
        assert!(sentence.contains("put the same file back"), "{sentence}");
    }
    // What was mixed before is in memory, and right.
    assert_eq!(predict(&uma, "mg_hcp").unwrap(), first);
}

#[test]
fn a_file_that_is_cut_or_replaced_in_use_ends_the_run_with_a_sentence() {
    let (folder, file) = copy();
    let uma = load(&file).unwrap();
    let length = fs::metadata(&file).unwrap().len();
    File::options().write(true).open(&file).unwrap().set_len(experts(&file).start as u64).unwrap();
    let sentence = lost(predict(&uma, "nacl_prim"));
    assert!(sentence.contains(&format!("had {length} when it was loaded")), "{sentence}");

    let (_other, file) = copy();
    let uma = load(&file).unwrap();
    let newer = folder.path().join("newer.pt");
    fs::copy(&file, &newer).unwrap();
    fs::rename(&newer, &file).unwrap();
    let sentence = lost(predict(&uma, "nacl_prim"));
    assert!(sentence.contains("replaced"), "{sentence}");
}

#[test]
fn times_alone_change_no_result() {
    let (_folder, file) = copy();
    let uma = load(&file).unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let expected = load(&file).unwrap();
    assert_eq!(predict(&uma, "nacl_prim").unwrap(), predict(&expected, "nacl_prim").unwrap());
}

#[test]
fn the_digest_covers_settings_and_the_former_one_is_still_known() {
    let (_folder, file) = copy();
    let uma = load(&file).unwrap();
    assert_eq!(uma.id().digest.len(), 64);
    assert_ne!(Some(uma.id().digest.as_str()), uma.former_digest());
    // What versions wrote that hashed names, shapes and numbers alone.
    assert_eq!(uma.former_digest(), Some(FORMER_DIGEST));
}

const FORMER_DIGEST: &str = "9bd58ffe1cc8518ef397a44e6c6804dbfb3ec73482e1a59c75ea5f59a399d332";
