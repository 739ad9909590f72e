//! Real files, compared with the same weights in safetensors.

#![allow(clippy::unwrap_used, reason = "clippy recognizes tests, but not their helper functions")]

mod safetensors;

use mlip_checkpoint::{Checkpoint, DType, Limits, Problem, Tensor, Value, View};
use proptest::prelude::*;
use safetensors::Safetensors;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const MACE: &[&str] = &["e3nn.*", "mace.*", "torch.fx.*", "torch.nn.*"];
const UMA: &[&str] =
    &["fairchem.core.units.mlip_unit.api.inference.MLIPInferenceCheckpoint", "omegaconf.*", "typing.Any"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn reference() -> Option<PathBuf> {
    let found = std::env::var_os("MLIP_REFERENCE_DIR").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: MLIP_REFERENCE_DIR is not set");
    }
    found
}

/// Bits of the numbers, in the type that they have.
fn bits(checkpoint: &Checkpoint, tensor: &Tensor) -> Vec<u64> {
    match tensor.dtype {
        DType::F32 => checkpoint.read_f32(tensor).unwrap().into_iter().map(|x| u64::from(x.to_bits())).collect(),
        DType::F64 => checkpoint.read_f64(tensor).unwrap().into_iter().map(f64::to_bits).collect(),
        _ => checkpoint.read_i64(tensor).unwrap().into_iter().map(|x| x as u64).collect(),
    }
}

fn compare(checkpoint: &Checkpoint, name: &str, tensor: &Tensor, expected: &Safetensors) -> bool {
    let Some((shape, numbers)) = expected.get(name) else { return false };
    assert_eq!(tensor.shape, shape, "{name}");
    assert_eq!(bits(checkpoint, tensor), numbers, "{name}");
    true
}

/// A state dict must hold the same as the safetensors: every name, every bit.
fn compare_state_dict(checkpoint: &Checkpoint, state: Value<'_>, expected: &Safetensors) {
    let mut names = HashSet::new();
    for (name, value) in state.entries() {
        let name = name.as_str().unwrap();
        assert!(compare(checkpoint, name, &value.tensor().unwrap(), expected), "{name}");
        names.insert(name.to_owned());
    }
    assert_eq!(names.len(), expected.len());
}

#[test]
fn chgnets_own_file_holds_weights_and_hyperparameters() {
    let checkpoint = Checkpoint::open(&data("chgnet_tiny.pth.tar"), &[]).unwrap();
    let model = checkpoint.root().field("model").unwrap();
    let expected = Safetensors::open(&data("chgnet_tiny.safetensors"));
    compare_state_dict(&checkpoint, model.field("state_dict").unwrap(), &expected);
    let arguments = model.field("model_args").unwrap();
    let text = expected.metadata("model_args");
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(arguments.entries().len(), json.len());
    for (name, value) in arguments.entries() {
        let expected = &json[name.as_str().unwrap()];
        match value.view() {
            View::None => assert!(expected.is_null()),
            View::Bool(found) => assert_eq!(Some(found), expected.as_bool()),
            View::Int(found) => assert_eq!(Some(found), expected.as_i64()),
            View::Float(found) => assert_eq!(Some(found), expected.as_f64()),
            View::Text(found) => assert_eq!(Some(found), expected.as_str()),
            View::List | View::Tuple => {
                let found: Vec<i64> = value.items().map(|item| item.as_int().unwrap()).collect();
                assert_eq!(serde_json::json!(found), *expected);
            }
            other => panic!("{other:?}"),
        }
    }
    checkpoint.verify().unwrap();
}

#[test]
fn the_bytes_of_a_contiguous_tensor_can_be_mapped() {
    let path = data("chgnet_tiny.pth.tar");
    let checkpoint = Checkpoint::open(&path, &[]).unwrap();
    let state = checkpoint.root().field("model").unwrap().field("state_dict").unwrap();
    let tensor = state.field("atom_embedding.embedding.weight").unwrap().tensor().unwrap();
    let (start, length) = checkpoint.byte_range(&tensor).unwrap();
    assert_eq!((start % 64, length), (0, 94 * 8 * 4));
    let bytes = &fs::read(&path).unwrap()[start as usize..(start + length) as usize];
    let numbers: Vec<f32> = bytes.chunks(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(checkpoint.read_f32(&tensor).unwrap(), numbers);
    assert!(checkpoint.read_i64(&tensor).unwrap_err().to_string().contains("f32 cannot be read as integers"));
}

#[test]
fn a_flipped_bit_in_a_storage_is_an_error_and_not_another_number() {
    let path = data("chgnet_tiny.pth.tar");
    let checkpoint = Checkpoint::open(&path, &[]).unwrap();
    let state = checkpoint.root().field("model").unwrap().field("state_dict").unwrap();
    let name = "atom_embedding.embedding.weight";
    let tensor = state.field(name).unwrap().tensor().unwrap();
    let (start, length) = checkpoint.byte_range(&tensor).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let range = start as usize..(start + length) as usize;
    assert_eq!(checkpoint.checksum(&tensor).unwrap(), Some(crc32fast::hash(&bytes[range.clone()])));
    bytes[range.start + 5] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.pth.tar");
    fs::write(&damaged, bytes).unwrap();
    let checkpoint = Checkpoint::open(&damaged, &[]).unwrap();
    let state = checkpoint.root().field("model").unwrap().field("state_dict").unwrap();
    let tensor = state.field(name).unwrap().tensor().unwrap();
    let message = checkpoint.read_f32(&tensor).unwrap_err().to_string();
    assert!(message.contains("damaged.pth.tar") && message.contains("checksum"), "{message}");
    assert!(matches!(checkpoint.read_f64(&tensor).unwrap_err().problem, Problem::Checksum { .. }));
    assert!(matches!(checkpoint.verify().unwrap_err().problem, Problem::Io(_)));
    // Another storage of the same file is whole.
    let (_, other) = state.entries().find(|(found, _)| found.as_str() != Some(name)).unwrap();
    assert!(checkpoint.read_f32(&other.tensor().unwrap()).is_ok());
}

#[test]
fn what_is_missing_is_named_with_what_is_there() {
    let checkpoint = Checkpoint::open(&data("chgnet_tiny.pth.tar"), &[]).unwrap();
    let message = checkpoint.error(checkpoint.root().field("weights").unwrap_err()).to_string();
    assert!(message.contains("chgnet_tiny.pth.tar") && message.contains("no `weights`"), "{message}");
    assert!(message.contains("(model, training_history, trainer_args)"), "{message}");
    let message = checkpoint.root().field("model").unwrap().tensor().unwrap_err().to_string();
    assert_eq!(message, "a tensor was expected, a dictionary with 2 entries (state_dict, model_args) was found");
}

#[test]
fn orbs_own_files_hold_their_weights() {
    let Some(folder) = reference() else { return };
    // The first of them is the one whose archive offset the zip crate would detect wrongly.
    for name in ["orb_tiny_conservative", "orb_tiny_direct"] {
        let checkpoint = Checkpoint::open(&folder.join("orb").join(name).with_extension("ckpt"), &[]).unwrap();
        let expected = Safetensors::open(&folder.join("orb").join(name).with_extension("safetensors"));
        compare_state_dict(&checkpoint, checkpoint.root(), &expected);
        checkpoint.verify().unwrap();
    }
}

#[test]
fn umas_own_files_hold_their_weights_and_cyclic_settings() {
    let Some(folder) = reference() else { return };
    for name in ["uma_tiny_s1p1", "uma_tiny_s1p2p1"] {
        let path = folder.join("uma").join(name).with_extension("pt");
        let checkpoint = Checkpoint::open(&path, UMA).unwrap();
        let root = checkpoint.root();
        assert_eq!(root.class(), Some(UMA[0]));
        let expected = Safetensors::open(&path.with_extension("safetensors"));
        let mut found = 0;
        for (name, value) in root.field("model_state_dict").unwrap().entries() {
            let name = name.as_str().unwrap();
            found += usize::from(compare(&checkpoint, name, &value.tensor().unwrap(), &expected));
        }
        assert!(found >= 95, "{found}");
        // A child of a settings node knows its parent: the same object, not a copy of it.
        let tasks = root.field("tasks_config").unwrap();
        let children: Vec<Value<'_>> = tasks.get("_content").unwrap_or(tasks).items().collect();
        assert!(children.len() >= 12, "{}", children.len());
        if tasks.view() == View::List {
            // The later release saves plain containers.
            assert_ne!(name, "uma_tiny_s1p1");
            continue;
        }
        for child in children {
            assert_eq!(child.class(), Some("omegaconf.dictconfig.DictConfig"));
            assert_eq!(child.field("_parent").unwrap().id(), tasks.id());
        }
        let message = Checkpoint::open(&path, &["omegaconf.*"]).unwrap_err().to_string();
        assert!(message.contains(UMA[0]) && message.contains("refused"), "{message}");
    }
}

/// Tensors of a module and its children, by name, without recursion: references may be cyclic.
fn module_tensors(root: Value<'_>) -> HashMap<String, Tensor> {
    let mut tensors = HashMap::new();
    let mut open = vec![(String::new(), root)];
    let mut seen = HashSet::new();
    while let Some((prefix, module)) = open.pop() {
        if !module.id().is_some_and(|id| seen.insert(id)) {
            continue;
        }
        for part in ["_parameters", "_buffers"] {
            for (name, value) in module.get(part).into_iter().flat_map(Value::entries) {
                if let (Some(name), false) = (name.as_str(), value.is_none()) {
                    tensors.insert(format!("{prefix}{name}"), value.tensor().unwrap());
                }
            }
        }
        for (name, value) in module.get("_modules").into_iter().flat_map(Value::entries) {
            open.push((format!("{prefix}{}.", name.as_str().unwrap()), value));
        }
    }
    tensors
}

#[test]
fn maces_own_files_hold_their_weights() {
    let Some(folder) = reference() else { return };
    let mut compared = 0;
    for entry in fs::read_dir(folder.join("mace/fixtures")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let checkpoint = Checkpoint::open(&folder.join(format!("{name}.model")), MACE).unwrap();
        let tensors = module_tensors(checkpoint.root());
        assert!(tensors.len() > 40, "{name}: {}", tensors.len());
        tensors.values().for_each(|tensor| assert_eq!(bits(&checkpoint, tensor).len(), tensor.n_elements()));
        let weights = folder.join(format!("{name}.safetensors"));
        if weights.exists() {
            let expected = Safetensors::open(&weights);
            let found = tensors.iter().filter(|(name, tensor)| compare(&checkpoint, name, tensor, &expected)).count();
            assert!(found >= 50, "{name}: {found} of {}", expected.len());
            compared += found;
        }
    }
    assert!(compared > 300, "{compared}");
}

/// A zip of these members, stored.
fn archive(members: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

fn problem(members: &[(&str, &[u8])]) -> Problem {
    Checkpoint::open(archive(members).path(), &[]).unwrap_err().problem
}

#[test]
fn other_kinds_of_files_are_refused_for_what_they_are() {
    let nothing = b"\x80\x02N.".as_slice();
    assert!(matches!(problem(&[("a/other", b"1")]), Problem::NoPickle));
    let script = [("a/code/__torch__.py", b"".as_slice()), ("a/data.pkl", nothing), ("a/constants.pkl", b"")];
    assert!(matches!(problem(&script), Problem::TorchScript));
    assert!(matches!(problem(&[("a/data.pkl", nothing), ("b/data.pkl", nothing)]), Problem::TwoPickles { .. }));
    let big = [("a/byteorder", b"big".as_slice()), ("a/data.pkl", nothing)];
    assert!(matches!(problem(&big), Problem::ByteOrder(order) if order == "big"));
    let mut legacy = tempfile::NamedTempFile::new().unwrap();
    legacy.write_all(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    let message = Checkpoint::open(legacy.path(), &[]).unwrap_err().to_string();
    assert!(message.contains("PyTorch before 1.6"), "{message}");
    let message = Checkpoint::open("/nowhere/x.pt".as_ref(), &[]).unwrap_err().to_string();
    assert!(message.contains("/nowhere/x.pt"), "{message}");
}

#[test]
fn a_pickle_beyond_the_limit_is_refused() {
    let file = archive(&[("a/data.pkl", &[b'N'; 1000])]);
    let limits = Limits { pickle_bytes: 999, ..Limits::default() };
    let problem = Checkpoint::open_within(file.path(), &[], limits).unwrap_err().problem;
    assert!(matches!(problem, Problem::TooLarge { limit: 999, .. }), "{problem:?}");
}

/// A pickle of one tensor: float storage `0` of `elements` numbers.
fn tensor_pickle(elements: u8, offset: u8, shape: &[u8], stride: &[u8]) -> Vec<u8> {
    let mut pickle =
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n".to_vec();
    pickle.extend(b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu");
    pickle.extend([b'K', elements, b't', b'Q', b'K', offset, b'(']);
    shape.iter().for_each(|length| pickle.extend([b'K', *length]));
    pickle.extend(b"t(");
    stride.iter().for_each(|step| pickle.extend([b'K', *step]));
    pickle.extend(b"t\x89NtR.");
    pickle
}

fn open_tensor(pickle: &[u8], bytes: &[u8]) -> Result<Vec<f32>, Problem> {
    let file = archive(&[("a/data.pkl", pickle), ("a/data/0", bytes)]);
    let checkpoint = Checkpoint::open(file.path(), &[]).unwrap();
    let tensor = checkpoint.root().tensor()?;
    checkpoint.read_f32(&tensor).map_err(|error| error.problem)
}

#[test]
fn views_are_read_through_offset_and_stride() {
    let bytes: Vec<u8> = (0u8..6).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    assert_eq!(open_tensor(&tensor_pickle(6, 0, &[2, 3], &[3, 1]), &bytes).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(open_tensor(&tensor_pickle(6, 1, &[2, 2], &[1, 2]), &bytes).unwrap(), [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(open_tensor(&tensor_pickle(6, 5, &[], &[]), &bytes).unwrap(), [5.0]);
    assert_eq!(open_tensor(&tensor_pickle(6, 2, &[1, 2], &[255, 0]), &bytes).unwrap(), [2.0, 2.0]);
    assert_eq!(open_tensor(&tensor_pickle(6, 6, &[0, 9], &[9, 1]), &bytes).unwrap(), [0.0; 0]);
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    let bytes = [0; 24];
    let refused = |pickle: &[u8]| matches!(open_tensor(pickle, &bytes), Err(Problem::OutOfBounds { .. }));
    assert!(refused(&tensor_pickle(6, 1, &[2, 3], &[3, 1])));
    assert!(refused(&tensor_pickle(6, 6, &[], &[])));
    assert!(refused(&tensor_pickle(6, 0, &[2], &[])), "a stride is missing");
    assert!(refused(&tensor_pickle(6, 0, &[255, 255, 255, 255], &[0, 0, 0, 0])), "four billion copies");
    let damaged = open_tensor(&tensor_pickle(7, 0, &[7], &[1]), &bytes);
    assert!(matches!(damaged, Err(Problem::StorageLength { found: 24, expected: 28, .. })), "{damaged:?}");
}

/// Reads all that can be read.
fn exercise(path: &Path) {
    let Ok(checkpoint) = Checkpoint::open(path, &[]) else { return };
    let _ = checkpoint.verify();
    let state = checkpoint.root().get("model").and_then(|model| model.get("state_dict"));
    for (_, value) in state.into_iter().flat_map(Value::entries) {
        if let Ok(tensor) = value.tensor() {
            let _ = (checkpoint.read_f32(&tensor), checkpoint.read_i64(&tensor), checkpoint.byte_range(&tensor));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_file_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = fs::read(data("chgnet_tiny.pth.tar")).unwrap();
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        exercise(file.path());
    }

    #[test]
    fn a_damaged_directory_never_panics(
        changes in prop::collection::vec((0usize..12_000, any::<u8>()), 1..6),
    ) {
        let mut bytes = fs::read(data("chgnet_tiny.pth.tar")).unwrap();
        let length = bytes.len();
        for (back, value) in &changes {
            bytes[length - 1 - back] = *value;
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        exercise(file.path());
    }
}
