//! Frames for tests.

use crate::{
    Answers, EntryState, Frame, JournalHeader, MemoryKills, MemorySample, Record, RunId, StructureDigest,
    SurveyedEntry, SurveyedStructure, SurveyedStructures, TaskKey,
};
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Failure, FailureKind, Lattice, Prediction, Species, Structure};
use mlip_calculations::{
    Computed, Details, Ended, EnergyVolumeCurve, Outcome, Relaxed, SpaceGroup, SpaceGroups, TrajectoryFrame,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;

pub(crate) const RUN: RunId = RunId([7; 16]);

pub(crate) fn header(attempt: u32, rank: u32) -> JournalHeader {
    JournalHeader { run: RUN, attempt, rank, n_ranks: 4, host: format!("node{rank}"), started_unix_s: 1_700_000_000 }
}

pub(crate) fn key(number: u8) -> TaskKey {
    TaskKey([number; 16])
}

pub(crate) fn done(key: TaskKey, energy: f64) -> Record {
    let prediction = Prediction { energy, forces: vec![[0.5, -0.25, 0.0]], ..Prediction::default() };
    Record {
        key,
        potential: 0,
        species: vec![14],
        outcome: Outcome::Done(prediction.into()),
        attempts: 1,
        wall_s: 0.25,
    }
}

pub(crate) fn failed(key: TaskKey, kind: FailureKind, attempts: u32) -> Record {
    let failure = Failure { kind, line: None, message: "no".to_owned() };
    Record { key, potential: 0, species: vec![14], outcome: Outcome::Failed(failure), attempts, wall_s: 0.25 }
}

fn any_key() -> impl Strategy<Value = TaskKey> {
    any::<[u8; 16]>().prop_map(TaskKey)
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("comparable", |number| !number.is_nan())
}

fn any_prediction() -> impl Strategy<Value = Prediction> {
    let features = (1usize..4, vec(finite(), 0..6)).prop_map(|(width, values)| AtomFeatures { width, values });
    (
        finite(),
        vec([finite(), finite(), finite()], 0..5),
        option::of([finite(), finite(), finite(), finite(), finite(), finite()]),
        option::of(vec(finite(), 0..5)),
        option::of(features),
    )
        .prop_map(|(energy, forces, stress, magmoms, atom_features)| Prediction {
            energy,
            forces,
            stress,
            magmoms,
            atom_features,
        })
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let kind = prop_oneof![
        Just(FailureKind::Timeout),
        Just(FailureKind::Crashed),
        "[a-z_]{1,12}".prop_map(FailureKind::Cif),
        Just(FailureKind::NotFinite)
    ];
    (kind, option::of(any::<u32>()), ".{0,40}").prop_map(|(kind, line, message)| Failure { kind, line, message })
}

fn frame(energy: f64, fractional: &[[f64; 3]]) -> TrajectoryFrame {
    let (lattice, forces) = ([[energy, 1.0, 0.0]; 3], fractional.to_vec());
    TrajectoryFrame { lattice, fractional: fractional.to_vec(), energy, forces, stress: Some([energy; 6]) }
}

fn any_relaxed() -> impl Strategy<Value = Relaxed> {
    let ended = prop_oneof![
        Just((Ended::Converged, None)),
        Just((Ended::Steps, None)),
        ".{0,20}".prop_map(|message| (Ended::LineSearchFailed, Some(message))),
    ];
    let numbers = (finite(), finite(), option::of(finite()), any::<u32>());
    (ended, numbers, vec([finite(), finite(), finite()], 0..4)).prop_map(
        |((ended, message), (energy, volume, max_stress, count), fractional)| Relaxed {
            ended,
            message,
            steps: count / 2,
            evaluations: count,
            initial_energy: energy,
            final_energy: 2.0 * energy,
            fmax: 0.5 * volume,
            max_force: 0.25 * volume,
            max_stress,
            initial_volume: volume,
            final_volume: 2.0 * volume,
            lattice: [[volume, 0.0, energy], [0.0, 1.0, 0.0], [energy, 0.0, 1.0]],
            trajectory: vec![frame(energy, &fractional); (count % 3) as usize],
            fractional,
            rmse: 0.5 * energy,
            rms_displacement: 0.25 * energy,
            space_groups: SpaceGroups {
                initial: SpaceGroup::from_number((count % 256) as u8),
                relaxed: SpaceGroup::from_number((count / 256 % 256) as u8),
            },
        },
    )
}

pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let outcome = prop_oneof![
        any_prediction().prop_map(|prediction| Outcome::Done(prediction.into())),
        (any_prediction(), vec((finite(), finite()), 0..4)).prop_map(|(prediction, points)| {
            let (volumes, energies) = points.into_iter().unzip();
            let details = Some(Details::EnergyVolume(EnergyVolumeCurve { volumes, energies }));
            Outcome::Done(Computed { prediction, details })
        }),
        (any_prediction(), any_relaxed()).prop_map(|(prediction, relaxed)| {
            Outcome::Done(Computed { prediction, details: Some(Details::Relaxation(Box::new(relaxed))) })
        }),
        any_failure().prop_map(Outcome::Failed)
    ];
    (any_key(), any::<u16>(), vec(any::<u8>(), 0..9), outcome, any::<u32>(), 0.0f32..1e6).prop_map(
        |(key, potential, species, outcome, attempts, wall_s)| Record {
            key,
            potential,
            species,
            outcome,
            attempts,
            wall_s,
        },
    )
}

pub(crate) fn any_state() -> impl Strategy<Value = EntryState> {
    let structure = (any::<[u8; 16]>(), any::<u32>(), vec(("[a-z]{1,6}", ".{0,20}"), 0..3)).prop_map(
        |(digest, n_atoms, warnings)| EntryState::Structure { digest: StructureDigest(digest), n_atoms, warnings },
    );
    prop_oneof![structure, any_failure().prop_map(EntryState::Failed)]
}

fn any_answers() -> impl Strategy<Value = Answers> {
    (any_key(), 0.0f32..1e6, vec((any::<u32>(), any_prediction()), 0..4)).prop_map(|(key, spent_s, answers)| Answers {
        key,
        spent_s,
        answers,
    })
}

fn any_structures() -> impl Strategy<Value = SurveyedStructures> {
    let sites = vec((1u8..=118, [-2.0f64..2.0, -2.0f64..2.0, -2.0f64..2.0]), 1..4);
    let one = (any::<u64>(), 1.0f64..9.0, sites, option::of(any::<i32>()), option::of(any::<u32>()));
    let one = one.prop_map(|(entry, length, sites, charge, spin)| {
        let vectors = [[length, 0.0, 0.1], [0.0, 1.5 * length, 0.0], [-0.3, 0.0, length / 3.0]];
        let (numbers, fractional): (Vec<u8>, _) = sites.into_iter().unzip();
        let species = numbers.into_iter().map(|number| Species::from_atomic_number(number).expect("an element"));
        let lattice = Lattice::from_vectors(vectors).expect("a cell");
        let structure = Structure::new(lattice, species.collect(), fractional).expect("a structure");
        SurveyedStructure { entry, structure: Arc::new(structure.with_charge(charge).with_spin(spin)) }
    });
    (any::<u64>(), any::<u64>(), vec(one, 0..3)).prop_map(|(first, last, structures)| SurveyedStructures {
        first,
        last,
        structures,
    })
}

pub(crate) fn any_frame() -> impl Strategy<Value = Frame> {
    let surveyed = (any::<u64>(), any_state()).prop_map(|(entry, state)| SurveyedEntry { entry, state });
    let memory = (0.0f64..1e9, any::<u64>(), any::<u32>()).prop_map(|(time_s, bytes, in_flight)| MemorySample {
        time_s,
        resident_bytes: bytes,
        peak_bytes: bytes,
        weight_bytes: bytes / 2,
        sharing: (bytes % 2 == 0).then_some([bytes; 3]),
        held_bytes: bytes / 5,
        promised_bytes: bytes / 7,
        in_flight,
        finished: bytes / 3,
        busy_s: time_s,
    });
    prop_oneof![
        1 => vec(surveyed, 1..4).prop_map(Frame::Surveyed),
        1 => any_structures().prop_map(Frame::Structures),
        3 => (any_key(), any::<bool>()).prop_map(|(key, alone)| Frame::Started { key, alone }),
        2 => any_answers().prop_map(Frame::Answered),
        4 => any_record().prop_map(Frame::Finished),
        1 => memory.prop_map(Frame::Memory),
        1 => (option::of(any_key()), any::<u8>()).prop_map(|(key, signal)| Frame::Fatal { key, signal }),
        1 => (".{0,5}", any::<u64>()).prop_map(|(place, kills)| Frame::MemoryKills(MemoryKills { place, kills })),
        1 => any::<[u64; 2]>().prop_map(|[resident_bytes, limit_bytes]| Frame::Pressed { resident_bytes, limit_bytes }),
        1 => Just(Frame::Draining),
        1 => Just(Frame::Closed),
    ]
}
