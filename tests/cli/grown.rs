//! Runs whose input changes, grows or goes away.

use crate::support::{crystals, rock_salt, run, said, tables};
use std::path::Path;

const LJ: [&str; 2] = ["--model", "lennard-jones"];

fn again(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["run", "--resume", "--out", "R"], arguments, &LJ[..]].concat(), folder);
    (output.status.code(), said(&output))
}

#[test]
fn a_list_that_has_grown_is_noticed_and_extends_the_run_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    crystals(folder.path(), 6, 1);
    let list = |n: usize| (0..n).map(|k| format!("cifs/salt-{k:04}.cif\n")).collect::<String>();
    std::fs::write(at("l.list"), list(3)).unwrap();
    assert_eq!(again(folder.path(), &["--cifs", "l.list"]).0, Some(0));
    std::fs::write(at("l.list"), list(6)).unwrap();
    let (code, text) = again(folder.path(), &["--cifs", "l.list"]);
    assert!(code == Some(2) && text.contains("3 entries and would have 6") && text.contains("--extend"), "{text}");
    let (code, text) = again(folder.path(), &["--cifs", "l.list", "--extend"]);
    assert!(code == Some(0) && text.contains("3 entries were added to the 3"), "{text}");
    let output = run(&[&["run", "--cifs", "l.list", "--out", "whole"], &LJ[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(tables(&at("R")), tables(&at("whole")));
    // Nothing new; fewer; other ones.
    assert_eq!(again(folder.path(), &["--cifs", "l.list", "--extend"]).0, Some(0));
    std::fs::write(at("l.list"), list(5)).unwrap();
    let (code, text) = again(folder.path(), &["--cifs", "l.list", "--extend"]);
    assert!(code == Some(2) && text.contains("6 entries and would have 5"), "{text}");
    std::fs::write(at("l.list"), format!("cifs/twin.cif\n{}", list(6))).unwrap();
    let (code, text) = again(folder.path(), &["--cifs", "l.list", "--extend"]);
    assert!(code == Some(2) && text.contains("entry 1 was salt-0000") && text.contains("would be twin"), "{text}");
    let output = run(&[&["run", "--cifs", "l.list", "--out", "new", "--extend"], &LJ[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(2), "--extend goes on with a run");
}

#[test]
fn what_is_unpacked_grows_with_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pack = |name: &str, first: usize| {
        let frame =
            |k: usize| format!("2\nLattice=\"{} 0 0 0 4 0 0 0 4\"\nNa 0 0 0\nCl 2 2 2\n", 4.0 + 0.01 * k as f64);
        let text: String = (first..first + 3).map(frame).collect();
        let file = std::fs::File::create(at(name)).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap();
    };
    pack("a.xyz.gz", 0);
    pack("b.xyz.gz", 3);
    assert_eq!(again(folder.path(), &["--cifs", "a.xyz.gz"]).0, Some(0));
    let (code, text) = again(folder.path(), &["--cifs", "a.xyz.gz", "b.xyz.gz", "--extend"]);
    assert!(code == Some(0) && text.contains("3 entries were added"), "{text}");
    let output = run(&[&["run", "--cifs", "a.xyz.gz", "b.xyz.gz", "--out", "whole"], &LJ[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(tables(&at("R")), tables(&at("whole")));
    let left: Vec<_> = std::fs::read_dir(at("R")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("compared")), "{left:?}");
}

#[test]
fn structures_that_are_gone_or_say_something_else_cost_no_result_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    crystals(folder.path(), 5, 1);
    let output = run(&[&["run", "--cifs", "cifs", "--out", "R"], &LJ[..]].concat(), folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let before = tables(&at("R"));
    std::fs::write(at("cifs/salt-0001.cif"), rock_salt(70, 2)).unwrap();
    std::fs::write(at("cifs/salt-0002.cif"), "nonsense").unwrap();
    std::fs::remove_file(at("cifs/salt-0003.cif")).unwrap();
    for _ in 0..2 {
        let output = run(&["resume", "R"], folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(tables(&at("R")), before);
    }
    std::fs::remove_dir_all(at("cifs")).unwrap();
    let output = run(&["resume", "R", "--retry-failed=all"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let computed = |tables: &[(&str, String)]| -> Vec<String> {
        tables[0].1.lines().filter(|line| line.contains(",ok,")).map(str::to_owned).collect()
    };
    assert!(computed(&before).len() == 6 && computed(&tables(&at("R"))) == computed(&before));
    let (code, text) = again(folder.path(), &["--cifs", "cifs"]);
    assert!(code.is_some_and(|code| code != 0) && text.contains("cifs"), "{text}");
}
