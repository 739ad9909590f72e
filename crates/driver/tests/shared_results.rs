//! Results of other runs are taken instead of computed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Trial, tables};
use mlip_driver::Resources;
use mlip_store::{Attempts, Frame, JournalReader};
use std::path::{Path, PathBuf};

fn with_cache(n_entries: u64, cache: &Path) -> Trial {
    let trial = Trial::new(n_entries);
    Trial { resources: Resources { cache: Some(cache.into()), ..trial.resources.clone() }, ..trial }
}

/// Evaluations begun in a run.
fn evaluations(run: &Path) -> usize {
    let mut begun = 0;
    for file in Attempts::list(run).unwrap().files {
        let mut reader = JournalReader::open(&file.path).unwrap();
        while let Some((frame, _)) = reader.next_frame().unwrap() {
            begun += usize::from(matches!(frame, Frame::Started { .. }));
        }
    }
    begun
}

fn results(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(results(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_second_run_computes_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let at = |name: &str| folder.path().join(name);
    let plain = Trial::new(120);
    plain.run(1, &at("plain")).unwrap();
    let first = with_cache(60, &cache).run(3, &at("first")).unwrap();
    assert_eq!(first.report.unwrap().counts.cached, 0);
    let second = with_cache(120, &cache).run(2, &at("second")).unwrap();
    let counts = second.report.unwrap().counts;
    assert_eq!(tables(&at("second")), tables(&at("plain")));
    let (of_first, of_all) = (evaluations(&at("first")), evaluations(&at("plain")));
    assert!(of_first > 50 && of_all > of_first);
    assert_eq!(evaluations(&at("second")), of_all - of_first);
    assert!(counts.cached as usize >= of_first && counts.cached < counts.ok);
    let third = with_cache(120, &cache).run(1, &at("third")).unwrap();
    assert_eq!(evaluations(&at("third")), 0);
    assert_eq!(third.report.unwrap().counts.cached, counts.ok);
    // Equal entries count each in the report, and nothing was added a second time.
    assert_eq!(tables(&at("third")), tables(&at("plain")));
    assert_eq!(results(&cache).iter().filter(|path| path.to_string_lossy().contains("third")).count(), 0);
}

#[test]
fn damaged_and_missing_results_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let at = |name: &str| folder.path().join(name);
    with_cache(80, &cache).run(3, &at("first")).unwrap();
    let files = results(&cache);
    assert!(files.len() >= 2, "{files:?}");
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&files[0], bytes).unwrap();
    std::fs::write(&files[1], "no journal").unwrap();
    let second = with_cache(80, &cache).run(2, &at("second")).unwrap();
    let counts = second.report.unwrap().counts;
    assert!(counts.cached > 0 && counts.cached < counts.ok, "{counts:?}");
    assert_eq!(tables(&at("second")), tables(&at("first")));
    assert!(evaluations(&at("second")) > 0);
}

#[test]
fn runs_may_share_a_cache_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let (cache, run) = (&cache, folder.path().join(name));
            scope.spawn(move || with_cache(100, cache).run(2, &run).unwrap());
        }
    });
    let expected = tables(&folder.path().join("a"));
    for name in ["b", "c"] {
        assert_eq!(tables(&folder.path().join(name)), expected, "{name}");
    }
    let last = folder.path().join("last");
    with_cache(100, &cache).run(2, &last).unwrap();
    assert_eq!(evaluations(&last), 0);
    assert_eq!(tables(&last), expected);
}
