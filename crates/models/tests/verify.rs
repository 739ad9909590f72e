//! Both engines of every model agree, and an error planted into the weights of one of them is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_atoms::engine::predict;
use mlip_atoms::{Deadline, EngineKind, EngineResources, Lattice, Potential, Precision, Request, Species, Structure};
use mlip_checkpoint::{Checkpoint, DType, Tensor, Value};
use mlip_models::registry::{Registry, Selection, load};
use mlip_models::verify::{LIMITS, compare, verify};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Errors that are planted, one after the other.
const PLANTED: usize = 20;
/// What each of them changes an energy by at least, eV/atom.
const NOTICEABLE: f64 = 1e-9;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Small checkpoints as upstream writes them.
fn selections() -> [Selection; 6] {
    [
        Selection::named("chgnet").with_file(tests().join("chgnet/chgnet_tiny.pth.tar")),
        Selection::named("mace").with_file(tests().join("mace/tiny_mp0/tiny_mp0.model")),
        Selection::named("sevennet")
            .with_file(tests().join("sevennet/tiny_so3_linear_xplor/tiny_so3_linear_xplor.pth")),
        Selection::named("mattersim").with_file(tests().join("mattersim/tiny.pth")),
        Selection::named("orb").with_file(tests().join("orb/orb_tiny_conservative.ckpt")),
        Selection::named("uma").with_file(tests().join("uma/uma_tiny_s1p1.pt")),
    ]
}

/// Distorted crystals of elements that the potential knows.
fn crystals(potential: &dyn Potential) -> Vec<Arc<Structure>> {
    let known = |z: &u8| potential.supports(Species::from_atomic_number(*z).unwrap());
    // Common ones first.
    let elements = [8, 14, 22, 38, 11, 17, 29].into_iter().chain(1..95).filter(known).take(4).collect::<Vec<u8>>();
    let sites = [[0.01, 0.02, -0.01], [0.52, 0.49, 0.47], [0.49, 0.03, 0.52], [0.02, 0.51, 0.5], [0.48, 0.52, -0.03]];
    let crystal = |number: usize, scale: f64| {
        let cell = [[4.3, 0.2, 0.0], [-0.1, 4.5, 0.3], [0.4, 0.0, 4.1]].map(|row: [f64; 3]| row.map(|x| scale * x));
        let species = (0..5).map(|site| elements[(site * (number + 1) + number) % elements.len()]);
        let species = species.map(|z| Species::from_atomic_number(z).unwrap()).collect();
        Arc::new(Structure::new(Lattice::from_vectors(cell).unwrap(), species, sites.to_vec()).unwrap())
    };
    vec![crystal(0, 1.0), crystal(1, 1.04), crystal(2, 0.97)]
}

fn double(selection: &Selection, engine: EngineKind) -> Arc<dyn Potential> {
    load(&selection.clone().with_precision(Precision::F64).with_engine(engine)).unwrap()
}

fn energies(potential: &Arc<dyn Potential>, structures: &[Arc<Structure>]) -> Vec<f64> {
    let mut engine = potential.clone().open(EngineResources::default()).unwrap();
    let request = Request { forces: false, atom_features: false };
    let energy = |structure: &Arc<Structure>| {
        predict(engine.as_mut(), structure.clone(), request, Deadline::NONE).unwrap().energy
            / structure.n_atoms() as f64
    };
    structures.iter().map(energy).collect()
}

#[test]
fn engines_of_all_models_agree() {
    for selection in selections() {
        let structures = crystals(load(&selection).unwrap().as_ref());
        let report = verify(&Registry::default(), &selection, &structures, |_| {}).unwrap();
        assert!(report.engines.agree(&LIMITS), "{}: {report:?}", selection.name);
        assert_eq!(report.engines.n_compared, 3);
        let rounding = report.rounding.unwrap();
        assert!(rounding.energy.value > 0.0 && rounding.energy.value < 1e-4, "{}: {rounding:?}", selection.name);
    }
}

/// All tensors of single precision below a value, whatever it is made of.
fn collect(value: Value<'_>, name: &str, depth: usize, to: &mut BTreeMap<String, Tensor>) {
    if let Ok(tensor) = value.tensor() {
        if tensor.dtype == DType::F32 && tensor.is_contiguous() && tensor.n_elements() > 0 {
            to.insert(name.to_owned(), tensor);
        }
        return;
    }
    if depth == 0 {
        return;
    }
    for (key, part) in value.entries() {
        if let Some(key) = key.as_str() {
            collect(part, &format!("{name}.{key}"), depth - 1, to);
        }
    }
    // Of modules, and of UMA's checkpoint.
    for part in
        ["_parameters", "_buffers", "_modules", "ema_state_dict"].into_iter().filter(|_| value.state().is_some())
    {
        if let Some(found) = value.get(part) {
            collect(found, name, depth - 1, to);
        }
    }
}

/// Places of numbers in a file: tensor, byte.
fn numbers(path: &Path) -> Vec<(String, Vec<usize>)> {
    let classes = ["e3nn.*", "mace.*", "torch.fx.*", "torch.nn.*", "fairchem.*", "omegaconf.*", "typing.Any"];
    let checkpoint = Checkpoint::open(path, &classes).unwrap();
    let mut tensors = BTreeMap::new();
    collect(checkpoint.root(), "", 24, &mut tensors);
    let places = |tensor: &Tensor| {
        let (start, bytes) = checkpoint.byte_range(tensor).unwrap();
        (start as usize..(start + bytes) as usize).step_by(4).collect()
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), places(tensor))).collect()
}

/// A file in an archive.
struct Member {
    data: std::ops::Range<usize>,
    /// Where the directory has its checksum.
    checksum: usize,
}

fn members(archive: &[u8]) -> Vec<Member> {
    // As the reader of checkpoints opens them: positions count from the first byte.
    let config = zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) };
    let mut archive = zip::ZipArchive::with_config(config, std::io::Cursor::new(archive)).unwrap();
    let n = archive.len();
    let member = |index: usize| {
        let file = archive.by_index_raw(index).unwrap();
        let start = file.data_start().unwrap() as usize;
        Member { data: start..start + file.size() as usize, checksum: file.central_header_start() as usize + 16 }
    };
    (0..n).map(member).collect()
}

#[test]
fn twenty_errors_planted_into_one_engines_weights_are_found() {
    for selection in selections() {
        let original = selection.file.clone().unwrap();
        let bytes = std::fs::read(&original).unwrap();
        let native = double(&selection, EngineKind::Native);
        let structures = crystals(native.as_ref());
        let expected = energies(&native, &structures);
        let folder = tempfile::tempdir().unwrap();
        let altered = folder.path().join(original.file_name().unwrap());
        let selection = selection.clone().with_file(&altered);
        let members = members(&bytes);
        // Written anew each time: a potential may have the file mapped.
        let write = |place: usize, number: f32| {
            let mut bytes = bytes.clone();
            bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
            // A damaged file would be refused; this one is another model.
            let Member { data, checksum } = members.iter().find(|member| member.data.contains(&place)).unwrap();
            let fits = crc32fast::hash(&bytes[data.clone()]);
            bytes[*checksum..checksum + 4].copy_from_slice(&fits.to_le_bytes());
            let fresh = folder.path().join("fresh");
            std::fs::write(&fresh, bytes).unwrap();
            std::fs::rename(&fresh, &altered).unwrap();
        };
        let tensors = numbers(&original);
        assert!(tensors.len() > PLANTED / 2, "{}: {} tensors", selection.name, tensors.len());
        let mut planted = BTreeMap::new();
        for error in 0..PLANTED {
            // From places all over the file onwards: some tensors reach no energy, those of elements that are not there,
            // of moments, of other heads.
            let found = (0..2 * tensors.len()).find_map(|step| {
                let (name, places) = &tensors[(error * tensors.len() / PLANTED + step) % tensors.len()];
                let place = places[(error * 7919 + step * 104_729 + 3 * places.len() / 7) % places.len()];
                let number = f32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
                // The smallest error that is noticeable.
                let noticeable = [1e-6f32, 1e-4, 1e-2, 0.3].into_iter().any(|relative| {
                    write(place, if number == 0.0 { relative } else { number * (1.0 + relative) });
                    let Ok(changed) = load(&selection.clone().with_precision(Precision::F64)) else { return false };
                    let found = energies(&changed, &structures);
                    let change = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    change >= NOTICEABLE
                });
                (noticeable && !planted.contains_key(&(name, place))).then_some((name, place))
            });
            let (name, place) = found.unwrap();
            let candle = double(&selection, EngineKind::Candle);
            let differences = compare(&native, &candle, &structures, |_| {}).unwrap();
            assert!(!differences.agree(&LIMITS), "{name} at {place}: {differences:?}");
            assert!(differences.energy.value > NOTICEABLE / 2.0, "{name} at {place}: {differences:?}");
            planted.insert((name, place), differences.energy.value);
        }
        let of_tensors = planted.keys().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>();
        assert!(of_tensors.len() >= PLANTED / 2, "{}: {of_tensors:?}", selection.name);
    }
}
