use super::*;
use crate::samples::{RUN, any_frame, any_record, done, failed as failed_record, header, key};
use crate::{
    Answers, EntryState, Frame, MemoryKills, MemorySample, Record, StoreError, StructureDigest, SurveyedEntry,
    SurveyedStructure, SurveyedStructures,
};
use mlip_atoms::{Failure, FailureKind, Lattice, Prediction, Species, Structure};
use mlip_calculations::{Computed, Details, Ended, EnergyVolumeCurve, Outcome, Relaxed, SpaceGroup, SpaceGroups};
use mlip_disk::File;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Placed = Vec<(Frame, FrameRef)>;

fn write(run: &Path, frames: &[Frame]) -> (PathBuf, Placed) {
    let mut writer = JournalWriter::create(run, &header(1, 0)).unwrap();
    let placed = frames.iter().map(|frame| (frame.clone(), writer.append(frame).unwrap())).collect();
    (writer.path().to_owned(), placed)
}

fn read(path: &Path) -> (Placed, Tail) {
    let mut reader = JournalReader::open(path).unwrap();
    let mut frames = Vec::new();
    while let Some(found) = reader.next_frame().unwrap() {
        frames.push(found);
    }
    (frames, reader.tail().unwrap().clone())
}

fn read_lean(path: &Path) -> (Vec<(ScannedFrame, FrameRef)>, Tail) {
    let mut reader = JournalReader::open(path).unwrap();
    let mut frames = Vec::new();
    while let Some(found) = reader.next_scanned().unwrap() {
        frames.push(found);
    }
    (frames, reader.tail().unwrap().clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn records_read_back_as_they_were(record in any_record()) {
        prop_assert_eq!(Record::from_bytes(&record.to_bytes().unwrap()).unwrap(), record);
    }

    #[test]
    fn frames_read_back_in_order_and_one_by_one(frames in vec(any_frame(), 0..12)) {
        let run = tempfile::tempdir().unwrap();
        let (path, placed) = write(run.path(), &frames);
        let (found, tail) = read(&path);
        prop_assert_eq!(&found, &placed);
        prop_assert_eq!(tail, Tail::Clean);
        let lean: Vec<_> = placed.iter().map(|(frame, place)| (ScannedFrame::of(frame), *place)).collect();
        prop_assert_eq!(read_lean(&path).0, lean);
        let file = File::open(&path).unwrap();
        for (frame, place) in &placed {
            prop_assert_eq!(&read_frame(&file, &path, *place).unwrap(), frame);
            match frame {
                Frame::Finished(record) => prop_assert_eq!(&read_record(&file, &path, *place).unwrap(), record),
                _ => prop_assert!(read_record(&file, &path, *place).is_err()),
            }
        }
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_every_whole_frame(frames in vec(any_frame(), 1..8), cut in any::<prop::sample::Index>()) {
        let run = tempfile::tempdir().unwrap();
        let (path, placed) = write(run.path(), &frames);
        let length = fs::metadata(&path).unwrap().len();
        let cut = cut.index(length as usize + 1) as u64;
        OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let whole: Vec<_> = placed.into_iter().filter(|(_, at)| at.offset + u64::from(at.len) <= cut).collect();
        let (found, tail) = read(&path);
        let good_until = whole.last().map(|(_, at)| at.offset + u64::from(at.len));
        prop_assert_eq!(&found, &whole);
        match tail {
            Tail::Clean => prop_assert!(cut == 0 || good_until.is_none_or(|end| end == cut)),
            Tail::Torn { at, bytes } => prop_assert_eq!(at + bytes, cut),
            Tail::Corrupt { .. } => prop_assert!(false, "a cut is no corruption"),
        }
    }

    #[test]
    fn a_flipped_bit_never_yields_a_wrong_frame(
        frames in vec(any_frame(), 1..8), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let run = tempfile::tempdir().unwrap();
        let (path, placed) = write(run.path(), &frames);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        if at < 12 {
            // Magic and versions: refused, or (a minor version) of no consequence.
            match JournalReader::open(&path) {
                Err(StoreError::NotAJournal { .. }) => prop_assert!(at < 8),
                Err(StoreError::JournalVersion { .. }) => prop_assert!((8..10).contains(&at)),
                Err(error) => prop_assert!(false, "{error}"),
                Ok(_) => prop_assert_eq!(read(&path).0, placed),
            }
        } else {
            let good = placed.iter().take_while(|(_, place)| place.offset + u64::from(place.len) <= at as u64).count();
            let in_header = placed.first().is_some_and(|(_, place)| (at as u64) < place.offset);
            let (found, tail) = read(&path);
            prop_assert_eq!(&found[..], if in_header { &[][..] } else { &placed[..good] });
            prop_assert_ne!(tail, Tail::Clean);
            prop_assert_eq!(JournalReader::open(&path).unwrap().header().is_none(), in_header);
        }
    }

    #[test]
    fn a_tail_of_any_bytes_is_survived(frames in vec(any_frame(), 1..4), garbage in vec(any::<u8>(), 1..200)) {
        let run = tempfile::tempdir().unwrap();
        let (path, placed) = write(run.path(), &frames);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&garbage).unwrap();
        let (found, tail) = read(&path);
        prop_assert_eq!(found, placed);
        prop_assert_ne!(tail, Tail::Clean);
    }
}

/// The bytes that `docs/formats.md` describes. If this fails, runs that exist can no longer be resumed:
/// raise the major version, or undo the change.
/// A relaxation of one atom that an evaluation over its time ended.
fn relaxation() -> Computed {
    let relaxed = Relaxed {
        ended: Ended::Timeout,
        message: Some("no".into()),
        steps: 12,
        evaluations: 300,
        initial_energy: -1.5,
        final_energy: -2.5,
        fmax: 0.25,
        max_force: 0.125,
        max_stress: Some(0.5),
        initial_volume: 8.0,
        final_volume: 4.0,
        lattice: [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]],
        fractional: vec![[0.0, 0.25, 0.75]],
        rmse: 3.0,
        rms_displacement: 0.0625,
        space_groups: SpaceGroups { initial: SpaceGroup::from_number(225), relaxed: None },
        trajectory: Vec::new(),
    };
    let prediction = Prediction { energy: -1.5, ..Prediction::default() };
    Computed { prediction, details: Some(Details::Relaxation(Box::new(relaxed))) }
}

/// With charge -1 and spin 3.
fn iron() -> Arc<Structure> {
    let lattice = Lattice::from_vectors([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]).unwrap();
    let structure = Structure::new(lattice, vec![Species::from_symbol("Fe").unwrap()], vec![[0.0, 0.5, -0.25]]);
    Arc::new(structure.unwrap().with_charge(Some(-1)).with_spin(Some(3)))
}

#[test]
fn the_bytes_of_a_journal_are_those_documented() {
    let run = tempfile::tempdir().unwrap();
    let (path, _) =
        write(run.path(), &[Frame::Started { key: key(0xab), alone: true }, Frame::Finished(done(key(1), -1.5))]);
    let bytes = fs::read(path).unwrap();
    let mut expected = Vec::new();
    expected.extend(b"MLIPJRNL\x01\x00\x07\x00");
    let mut frame = |payload: &[u8]| {
        let length = (payload.len() as u32).to_le_bytes();
        expected.extend(length);
        expected.extend(crc32c::crc32c(&[&length, payload].concat()).to_le_bytes());
        expected.extend(payload);
    };
    let started = [0x80, 0xe2, 0xcf, 0xaa, 0x06];
    frame(&[b"\x00".as_slice(), &RUN.0, b"\x01\x00\x04\x05node0", &started].concat());
    frame(&[b"\x02".as_slice(), &[0xab; 16], b"\x01"].concat());
    let head = [b"\x03".as_slice(), &[1; 16], b"\x00\x01", &0.25f32.to_le_bytes(), b"\x00"].concat();
    let force = [0.5f64, -0.25, 0.0].map(f64::to_le_bytes).concat();
    let body = [b"\x01\x0e\x00".as_slice(), &(-1.5f64).to_le_bytes(), b"\x01", &force, b"\x00\x00\x00"].concat();
    frame(&[head, body].concat());
    assert_eq!(bytes, expected);
}

#[test]
fn the_bytes_of_the_other_frames_are_those_documented() {
    let payload = |frame: &Frame| EncodedFrame::new(frame, Path::new("")).unwrap().bytes()[8..].to_vec();
    let structure = EntryState::Structure {
        digest: StructureDigest([9; 16]),
        n_atoms: 300,
        warnings: vec![("w".to_owned(), "ab".to_owned())],
    };
    let kind = FailureKind::Cif("no".to_owned());
    let failed = EntryState::Failed(Failure { kind, line: Some(7), message: "m".to_owned() });
    let surveyed = Frame::Surveyed(vec![
        SurveyedEntry { entry: 128, state: structure },
        SurveyedEntry { entry: 5, state: failed },
    ]);
    let first = [b"\x01\x02\x80\x01\x00".as_slice(), &[9; 16], b"\xac\x02\x01\x01w\x02ab"].concat();
    assert_eq!(payload(&surveyed), [first.as_slice(), b"\x05\x01\x01\x02no\x01\x07\x01m"].concat());
    let sample = MemorySample {
        time_s: 1.0,
        resident_bytes: 1,
        peak_bytes: 2,
        weight_bytes: 3,
        sharing: Some([9, 8, 7]),
        held_bytes: 6,
        promised_bytes: 7,
        in_flight: 4,
        finished: 5,
        busy_s: 2.0,
    };
    let end = [b"\x04\x05".as_slice(), &2f64.to_le_bytes()].concat();
    let numbers = [&1f64.to_le_bytes(), b"\x01\x02\x03\x01\x09\x08\x07\x06\x07".as_slice(), &end].concat();
    assert_eq!(payload(&Frame::Memory(sample.clone())), [b"\x06".as_slice(), &numbers].concat());
    let old = [b"\x04".as_slice(), &1f64.to_le_bytes(), b"\x01\x02\x03", &end].concat();
    let expected = MemorySample { sharing: None, held_bytes: 0, promised_bytes: 0, ..sample };
    assert_eq!(super::format::decode(&old).unwrap(), Some(Frame::Memory(expected)));
    assert_eq!(payload(&Frame::Closed), [5]);
    let iron = [SurveyedStructure { entry: 300, structure: iron() }];
    let structures = Frame::Structures(SurveyedStructures { first: 299, last: 301, structures: iron.into() });
    let cell = [2.0f64, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0].map(f64::to_le_bytes).concat();
    let site = [0.0f64, 0.5, -0.25].map(f64::to_le_bytes).concat();
    let head = b"\x0a\xab\x02\xad\x02\x01\xac\x02\x01\x1a".as_slice();
    let expected = [head, &cell, b"\x01", &site, b"\x01\x01\x01\x03"].concat();
    assert_eq!(payload(&structures), expected);
    assert_eq!(super::format::decode(&expected).unwrap(), Some(structures));
    let lean = super::format::decode_lean(&expected).unwrap();
    assert_eq!(lean, ScannedFrame::Structures { first: 299, last: 301 });
    assert_eq!(payload(&Frame::Draining), [8]);
    let kills = Frame::MemoryKills(MemoryKills { place: "ab".into(), kills: 300 });
    assert_eq!(payload(&kills), [b"\x0b\x02ab".as_slice(), b"\xac\x02"].concat());
    assert_eq!(payload(&Frame::Pressed { resident_bytes: 5, limit_bytes: 128 }), [12, 5, 0x80, 1]);
    assert_eq!(
        payload(&Frame::Fatal { key: Some(key(7)), signal: 11 }),
        [b"\x09\x01".as_slice(), &[7; 16], b"\x0b"].concat()
    );
    assert_eq!(payload(&Frame::Fatal { key: None, signal: 6 }), [9, 0, 6]);
    let answer = Prediction { energy: -1.5, ..Prediction::default() };
    let answered = Frame::Answered(Answers { key: key(3), spent_s: 0.25, answers: vec![(300, answer.clone())] });
    let question = [b"\x01\xac\x02".as_slice(), &(-1.5f64).to_le_bytes(), b"\x00\x00\x00\x00"].concat();
    assert_eq!(payload(&answered), [b"\x07".as_slice(), &[3; 16], &0.25f32.to_le_bytes(), &question].concat());
    let curve = EnergyVolumeCurve { volumes: vec![2.0], energies: vec![3.0] };
    let details = Some(Details::EnergyVolume(curve));
    let outcome = Outcome::Done(Computed { prediction: answer, details });
    let curved = payload(&Frame::Finished(Record { outcome, ..done(key(1), 0.0) }));
    let body = [b"\x02".as_slice(), &(-1.5f64).to_le_bytes(), b"\x00\x00\x00\x00\x01", &2f64.to_le_bytes(), b"\x01"];
    assert!(curved.ends_with(&[body.concat().as_slice(), &3f64.to_le_bytes()].concat()), "{curved:?}");
    let relaxed = payload(&Frame::Finished(Record { outcome: Outcome::Done(relaxation()), ..done(key(1), 0.0) }));
    let numbers = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let (first, last) = (b"\x04".as_slice(), b"\x01\xe1\x00".as_slice());
    let body = [
        &numbers(&[-1.5]),
        b"\x00\x00\x00\x00".as_slice(),
        b"\x02\x01\x02no\x0c\xac\x02",
        &numbers(&[-1.5, -2.5, 0.25, 0.125]),
        b"\x01",
        &numbers(&[0.5, 8.0, 4.0, 2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0]),
        b"\x01",
        &numbers(&[0.0, 0.25, 0.75, 3.0, 0.0625]),
    ];
    let body = body.concat();
    assert!(relaxed.ends_with(&[first, &body, last].concat()), "{relaxed:?}");
    // As minor version 3 had it: without space groups.
    let older = [&relaxed[1..relaxed.len() - last.len() - body.len() - 1], b"\x03".as_slice(), &body].concat();
    let Outcome::Done(Computed { details: Some(Details::Relaxation(read)), .. }) =
        Record::from_bytes(&older).unwrap().outcome
    else {
        panic!()
    };
    assert_eq!((read.final_energy, read.space_groups), (-2.5, SpaceGroups::default()));
    let record = payload(&Frame::Finished(failed_record(key(2), FailureKind::Crashed, 3)));
    let head = [b"\x03".as_slice(), &[2; 16], b"\x00\x03", &0.25f32.to_le_bytes(), b"\x01\x08"].concat();
    assert_eq!(record, [head.as_slice(), b"\x01\x0e\x01\x00\x02no"].concat());
    let codes = [
        FailureKind::Unreadable,
        FailureKind::Cif(String::new()),
        FailureKind::UnsupportedSpecies,
        FailureKind::IsolatedAtom,
        FailureKind::Timeout,
        FailureKind::TooLarge,
        FailureKind::NotFinite,
        FailureKind::Internal,
        FailureKind::Crashed,
    ];
    for (code, kind) in (0u8..).zip(codes) {
        assert_eq!(postcard::to_stdvec(&kind).unwrap()[0], code, "{kind:?}");
    }
}

/// The example of `docs/formats.md`.
#[test]
fn a_started_frame_is_these_twenty_six_bytes() {
    let frame = EncodedFrame::new(&Frame::Started { key: key(0xab), alone: true }, Path::new("")).unwrap();
    let head = [18, 0, 0, 0, 0xa4, 0x92, 0xe7, 0x0c, 2];
    assert_eq!(frame.bytes(), [head.as_slice(), &[0xab; 16], &[1]].concat());
}

#[test]
fn a_journal_that_exists_is_never_touched() {
    let run = tempfile::tempdir().unwrap();
    let (path, _) = write(run.path(), &[Frame::Closed]);
    let before = fs::read(&path).unwrap();
    let error = JournalWriter::create(run.path(), &header(1, 0)).unwrap_err();
    assert!(error.to_string().contains("rank-00000.journal"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_length_beyond_the_limit_reserves_no_memory() {
    let run = tempfile::tempdir().unwrap();
    let (path, placed) = write(run.path(), &[Frame::Closed]);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0xff; 64]).unwrap();
    let (found, tail) = read(&path);
    assert_eq!(found, placed);
    assert!(matches!(tail, Tail::Corrupt { bytes: 64, .. }));
}

#[test]
fn frames_of_a_newer_minor_version_are_skipped() {
    let run = tempfile::tempdir().unwrap();
    let (path, _) = write(run.path(), &[]);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let payload = [99u8, 1, 2, 3];
    file.write_all(&4u32.to_le_bytes()).unwrap();
    file.write_all(&format::checksum(4, &payload).to_le_bytes()).unwrap();
    file.write_all(&payload).unwrap();
    file.write_all(EncodedFrame::new(&Frame::Closed, &path).unwrap().bytes()).unwrap();
    let (found, tail) = read(&path);
    assert_eq!(found.into_iter().map(|(frame, _)| frame).collect::<Vec<_>>(), [Frame::Closed]);
    assert_eq!(tail, Tail::Clean);
}

#[test]
fn another_major_version_is_refused_with_both_versions_named() {
    let run = tempfile::tempdir().unwrap();
    let (path, _) = write(run.path(), &[]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, bytes).unwrap();
    let message = JournalReader::open(&path).unwrap_err().to_string();
    assert!(message.contains("format 9.7") && message.contains("reads format 1"), "{message}");
}

#[test]
fn a_full_disk_is_an_error_that_names_the_journal() {
    // Linux keeps a device that is always full.
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let file = mlip_disk::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut writer = JournalWriter::over(file, Path::new("/dev/full"));
    let error = writer.append(&Frame::Closed).unwrap_err();
    let StoreError::Io { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("/dev/full"));
    assert!(matches!(writer.append(&Frame::Closed), Err(StoreError::Broken { .. })));
}

#[test]
fn run_ids_differ_and_read_back_from_text() {
    let id = RunId::draw();
    assert_ne!(id, RunId::draw());
    assert_eq!(RunId::parse(&id.to_string()), Some(id));
    assert_eq!(RunId::parse("éé"), None);
    assert_eq!(RunId::parse(&"+1".repeat(16)), None);
}
