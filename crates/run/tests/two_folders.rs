//! Runs stand on nothing that belongs to the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_ranks::Solo;
use mlip_run::{
    AttemptOptions, Changes, ChosenPotential, End, Error, Event, NewRun, NoEvents, Run, RunState, Signals, Source,
};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

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

#[test]
fn a_finished_run_is_written_again_only_by_who_holds_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5]);
    let options = AttemptOptions::default();
    execute(Run::create(new_run(folder.path()), &options).unwrap());
    let open = |options| Run::open(&folder.path().join("RUN"), Changes::default(), &options).unwrap();
    let lost = open(options);
    let taken = open(AttemptOptions { force: true, ..options });
    let error = lost.execute(&mut Solo::new("here".into()), Signals::default(), &mut NoEvents).unwrap_err();
    assert!(error.to_string().contains("was taken over by another process"), "{error}");
    assert_eq!(execute(taken).end, End::Complete);
}

/// Gives files of a folder, and the folder itself, this time of their last change.
fn last_changed(path: &Path, ago: Duration) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| last_changed(&entry.unwrap().path(), ago));
    }
    File::open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
}

#[test]
fn status_counts_the_time_in_which_nothing_ended() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &[2.5]);
    execute(Run::create(new_run(folder.path()), &AttemptOptions::default()).unwrap());
    let run_dir = folder.path().join("RUN");
    let last = || {
        let status = mlip_run::status(&run_dir).unwrap();
        (status.attempts.last().unwrap().wall_s, status.silent_s.unwrap(), status.state)
    };
    let (recorded_s, ..) = last();
    assert!(recorded_s < 30.0, "{recorded_s}");
    let began = Duration::from_secs(300);
    let attempt = run_dir.join("journal").read_dir().unwrap().next().unwrap().unwrap().path();
    // Its ranks made their journals when the attempt began, and wrote into them a minute ago.
    last_changed(&attempt, Duration::from_secs(60));
    File::open(&attempt).unwrap().set_modified(SystemTime::now() - began).unwrap();
    // A process that holds the run since then, and showed its last sign of life with the journals.
    let _run = Run::open(&run_dir, Changes::default(), &AttemptOptions::default()).unwrap();
    let lock = run_dir.join("run.lock");
    let held_since = |ago: Duration| {
        let since = (SystemTime::now() - ago).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let text = std::fs::read_to_string(&lock).unwrap();
        let lines = text.lines().map(|line| match line.starts_with("since_unix_s ") {
            true => format!("since_unix_s {since}\n"),
            false => format!("{line}\n"),
        });
        std::fs::write(&lock, lines.collect::<String>()).unwrap();
        last_changed(&lock, Duration::from_secs(60));
    };
    held_since(began + Duration::from_secs(2));
    let (wall_s, silent_s, state) = last();
    assert!(matches!(state, RunState::GoingOn { .. }), "{state:?}");
    assert!((60.0..90.0).contains(&silent_s) && (230.0..241.0).contains(&wall_s), "{silent_s} {wall_s}");
    // The attempt is of an earlier process: what it recorded is all that is known.
    held_since(began - Duration::from_secs(20));
    assert_eq!(last().0, recorded_s);
}
