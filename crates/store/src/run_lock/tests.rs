use super::lock::lock_path;
use super::*;
use crate::StoreError;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const NOW: LockOptions = LockOptions { force: false, wait: Duration::ZERO };

fn plant(run: &Path, change: impl Fn(&str) -> String) -> PathBuf {
    let path = lock_path(run);
    fs::write(&path, change(&Holder::this_process().to_text())).unwrap();
    path
}

fn with(field: &str, value: &str) -> impl Fn(&str) -> String {
    let (field, value) = (field.to_owned(), value.to_owned());
    move |text| {
        let lines = text.lines().map(|line| {
            if line.starts_with(&format!("{field} ")) { format!("{field} {value}\n") } else { format!("{line}\n") }
        });
        lines.collect()
    }
}

fn age(path: &Path, age: Duration) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - age).unwrap();
}

#[test]
fn a_second_process_is_refused_with_the_name_of_the_holder() {
    let run = tempfile::tempdir().unwrap();
    let lock = RunLock::acquire(run.path(), NOW).unwrap();
    match RunLock::acquire(run.path(), NOW) {
        Err(StoreError::Locked { pid, host, .. }) => {
            assert_eq!((pid, host), (std::process::id(), host_name()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(RunLock::holder(run.path()).unwrap().unwrap().pid, std::process::id());
    lock.refresh().unwrap();
    drop(lock);
    assert_eq!(RunLock::holder(run.path()).unwrap(), None);
    RunLock::acquire(run.path(), NOW).unwrap();
    assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_lock_of_a_killed_process_is_free_at_once() {
    let run = tempfile::tempdir().unwrap();
    let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let born = {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().to_owned()
    };
    let path = plant(run.path(), with("pid", &child.id().to_string()));
    fs::write(&path, with("born", &born)(&fs::read_to_string(&path).unwrap())).unwrap();
    assert!(RunLock::acquire(run.path(), NOW).is_err(), "the process lives");
    child.kill().unwrap();
    // Killed but not waited for: a zombie holds no lock.
    let lock = RunLock::acquire(run.path(), LockOptions { force: false, wait: Duration::from_secs(5) }).unwrap();
    child.wait().unwrap();
    lock.refresh().unwrap();
}

#[test]
fn a_process_id_that_is_used_again_holds_no_lock() {
    let run = tempfile::tempdir().unwrap();
    plant(run.path(), with("born", "1"));
    RunLock::acquire(run.path(), NOW).unwrap();
}

#[test]
fn a_reboot_frees_the_lock() {
    let run = tempfile::tempdir().unwrap();
    plant(run.path(), with("boot", "another"));
    RunLock::acquire(run.path(), NOW).unwrap();
}

#[test]
fn a_holder_on_another_host_is_believed_until_it_falls_silent() {
    let run = tempfile::tempdir().unwrap();
    let path = plant(run.path(), with("host", "node99"));
    age(&path, STALE_AFTER - Duration::from_secs(20));
    assert!(RunLock::acquire(run.path(), NOW).is_err());
    age(&path, STALE_AFTER + Duration::from_secs(1));
    assert_eq!(RunLock::holder(run.path()).unwrap(), None);
    RunLock::acquire(run.path(), NOW).unwrap();
}

#[test]
fn a_container_of_the_same_name_is_another_host() {
    let run = tempfile::tempdir().unwrap();
    plant(run.path(), with("namespace", "pid:[1]"));
    assert!(RunLock::acquire(run.path(), NOW).is_err());
}

#[test]
fn who_loses_the_lock_by_force_learns_it_and_leaves_it_alone() {
    let run = tempfile::tempdir().unwrap();
    let first = RunLock::acquire(run.path(), NOW).unwrap();
    let second = RunLock::acquire(run.path(), LockOptions { force: true, wait: Duration::ZERO }).unwrap();
    assert!(matches!(first.refresh(), Err(StoreError::LockLost { .. })));
    drop(first);
    second.refresh().unwrap();
    assert!(RunLock::acquire(run.path(), NOW).is_err());
}

#[test]
fn what_shows_no_signs_of_life_itself_keeps_the_lock_fresh_meanwhile() {
    let run = tempfile::tempdir().unwrap();
    let lock = RunLock::acquire(run.path(), NOW).unwrap();
    let path = lock_path(run.path());
    let silence = || fs::metadata(&path).unwrap().modified().unwrap().elapsed().unwrap_or_default();
    let long_silent = || age(&path, STALE_AFTER * 2);
    let becomes_fresh = || {
        let until = Instant::now() + Duration::from_secs(20);
        while silence() > STALE_AFTER && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        silence() < STALE_AFTER
    };
    long_silent();
    let result = lock.refresh_during(Duration::from_millis(5), |has_failed| {
        let at_once = becomes_fresh();
        long_silent();
        (at_once, becomes_fresh(), has_failed.load(Ordering::Relaxed))
    });
    assert_eq!(result.unwrap(), (true, true, false));
    // What takes less than an interval has two.
    lock.refresh_during(Duration::from_secs(3600), |_| {
        assert!(becomes_fresh());
        long_silent();
    })
    .unwrap();
    assert!(silence() < STALE_AFTER);
}

#[test]
fn who_loses_the_lock_while_something_is_done_learns_it_meanwhile_and_at_its_end() {
    let run = tempfile::tempdir().unwrap();
    let first = RunLock::acquire(run.path(), NOW).unwrap();
    let mut second = None;
    let result = first.refresh_during(Duration::from_millis(5), |has_failed| {
        second = Some(RunLock::acquire(run.path(), LockOptions { force: true, wait: Duration::ZERO }).unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        while !has_failed.load(Ordering::Relaxed) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(has_failed.load(Ordering::Relaxed));
    });
    assert!(matches!(result, Err(StoreError::LockLost { .. })), "{result:?}");
    let result = first.refresh_during(Duration::from_secs(3600), |_| ());
    assert!(matches!(result, Err(StoreError::LockLost { .. })), "{result:?}");
    second.unwrap().refresh().unwrap();
}

#[test]
fn a_takeover_cut_off_by_death_does_not_block_the_next() {
    let run = tempfile::tempdir().unwrap();
    let path = plant(run.path(), with("born", "1"));
    fs::write(path.with_extension("lock.takeover"), with("born", "2")(&Holder::this_process().to_text())).unwrap();
    RunLock::acquire(run.path(), LockOptions { force: false, wait: Duration::from_secs(5) }).unwrap();
}

#[test]
fn of_many_that_find_a_stale_lock_one_takes_it() {
    for _ in 0..20 {
        let run = tempfile::tempdir().unwrap();
        plant(run.path(), with("born", "1"));
        let gate = std::sync::Barrier::new(8);
        let winners: Vec<RunLock> = std::thread::scope(|scope| {
            let attempt = || {
                gate.wait();
                RunLock::acquire(run.path(), NOW).ok()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        winners[0].refresh().unwrap();
    }
}
