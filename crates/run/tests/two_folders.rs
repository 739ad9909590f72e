//! Runs stand on nothing that belongs to the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_ranks::Solo;
use mlip_run::{
    AttemptOptions, Changes, ChosenPotential, End, Error, Event, NewRun, NoEvents, Run, RunState, Signals, Source,
};
use std::path::Path;

/// A cube with one atom of hydrogen.
fn cif(length: f64) -> String {
    format!(
        "data_x\n_cell_length_a {length}\n_cell_length_b {length}\n_cell_length_c {length}\n_cell_angle_alpha 90\n\
         _cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_type_symbol\n\
         _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nH1 H 0 0 0\n"
    )
}

/// Lennard-Jones over `cifs` of a folder.
fn new_run(folder: &Path) -> NewRun {
    let mut new = NewRun::new(folder.join("RUN"), vec![ChosenPotential::named("lennard-jones")]);
    new.folder = folder.into();
    new.inputs.sources = vec![Source::from_path_in(folder, "cifs").unwrap()];
    new
}

fn fill(folder: &Path, lengths: &[f64]) {
    std::fs::create_dir(folder.join("cifs")).unwrap();
    for (number, length) in lengths.iter().enumerate() {
        std::fs::write(folder.join(format!("cifs/{number}.cif")), cif(*length)).unwrap();
    }
}

fn execute(run: Run) -> mlip_run::Finish {
    run.execute(&mut Solo::new("here".into()), Signals::default(), &mut NoEvents).unwrap()
}

fn energies(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("RUN/report/energies.csv")).unwrap()
}

#[test]
fn two_runs_with_different_folders_go_side_by_side_in_one_process() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(a.path(), &[2.5, 2.6]);
    fill(b.path(), &[2.7, 2.8, 2.9]);
    std::thread::scope(|scope| {
        for (folder, n) in [(&a, 2), (&b, 3)] {
            scope.spawn(move || {
                let finish = execute(Run::create(new_run(folder.path()), &AttemptOptions::default()).unwrap());
                assert_eq!(finish.end, End::Complete);
                assert_eq!(finish.report.unwrap().counts.ok, n);
            });
        }
    });
    // The same names, other structures; paths in tables are as they were given.
    assert!(energies(a.path()).contains("\n0,cifs/0.cif,") && energies(b.path()).contains("\n0,cifs/0.cif,"));
    let first = |folder: &Path| energies(folder).lines().nth(1).unwrap().to_owned();
    assert_ne!(first(a.path()), first(b.path()));
    let status = mlip_run::status(&b.path().join("RUN")).unwrap();
    assert_eq!((status.state, status.done, status.pending), (RunState::Complete, 3, 0));
    assert_eq!(status.attempts.iter().map(|attempt| (attempt.n_ranks, attempt.n_closed)).collect::<Vec<_>>(), [(1, 1)]);
    let before = energies(b.path());
    assert_eq!(
        mlip_run::report(&b.path().join("RUN"), &Default::default(), &Default::default()).unwrap().written.counts.ok,
        3
    );
    assert_eq!(energies(b.path()), before);
}

#[test]
fn a_run_goes_on_with_its_own_structures_and_physics_only() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5, 2.6]);
    let options = AttemptOptions::default();
    execute(Run::create(new_run(folder.path()), &options).unwrap());
    assert!(matches!(Run::create(new_run(folder.path()), &options), Err(Error::Exists { .. })));
    execute(Run::open_same(new_run(folder.path()), &options).unwrap());
    execute(Run::open(&folder.path().join("RUN"), Changes::default(), &options).unwrap());
    let mut other = new_run(folder.path());
    other.forces = false;
    let error = Run::open_same(other, &options).err().unwrap();
    assert!(matches!(&error, Error::OtherPhysics { changes } if changes.contains("forces were computed")), "{error}");
    std::fs::write(folder.path().join("cifs/2.cif"), cif(3.0)).unwrap();
    let error = Run::open_same(new_run(folder.path()), &options).err().unwrap();
    assert!(error.to_string().contains("entry 3 was nothing and would be 2 ("), "{error}");
    let changes = Changes { checkpoints: vec![("mace".into(), "x".into())], ..Changes::default() };
    let error = Run::open(&folder.path().join("RUN"), changes, &options).err().unwrap();
    assert!(error.to_string().contains("`mace` is not a potential of this run"), "{error}");
}

#[test]
fn what_cannot_begin_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5]);
    let mut empty = new_run(folder.path());
    empty.inputs.sources.clear();
    assert!(matches!(Run::create(empty, &AttemptOptions::default()), Err(Error::NoInputs)));
    let mut gone = new_run(folder.path());
    gone.inputs.sources = vec![Source::Directory { path: "nowhere".into() }];
    assert!(matches!(Run::create(gone, &AttemptOptions::default()), Err(Error::Input(_))));
    assert!(!folder.path().join("RUN").exists());
    assert!(matches!(mlip_run::status(folder.path()), Err(Error::NoRun { .. })));
}

#[test]
fn events_go_from_the_begin_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5, 2.6]);
    let mut events = Vec::new();
    let run = Run::create(new_run(folder.path()), &AttemptOptions::default()).unwrap();
    assert_eq!(run.n_entries(), 2);
    run.execute(&mut Solo::new("here".into()), Signals::default(), &mut |event| events.push(event)).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::AttemptBegan { attempt: 1, .. })), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Finished(End::Complete)));
}

#[test]
fn a_plan_computes_nothing_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5, 2.5, 2.6]);
    let plan = mlip_run::plan(&new_run(folder.path()), 2, true, None).unwrap();
    assert_eq!((plan.estimate.entries, plan.estimate.distinct, plan.ranks), (3, 2, 2));
    assert!(!folder.path().join("RUN").exists());
}
