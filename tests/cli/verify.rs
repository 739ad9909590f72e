//! Both engines of a potential, compared by the program.

use crate::support::{crystals, run, said};

#[test]
fn engines_agree_on_the_crystals_in_the_program_and_on_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/chgnet/chgnet_tiny.pth.tar");
    let output = run(&["verify", "--model", checkpoint], folder.path());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text} {}", said(&output));
    assert!(text.contains("5 compared") && text.contains("the engines agree"), "{text}");
    assert!(text.contains("limit 1e-10") && text.contains("for information: native f32 against f64"), "{text}");
    crystals(folder.path(), 1, 2);
    let output = run(&["verify", "--model", checkpoint, "--cifs", "cifs"], folder.path());
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 compared"), "{}", said(&output));
}

#[test]
fn crystals_that_no_engine_computes_are_named_and_are_no_disagreement() {
    let folder = tempfile::tempdir().unwrap();
    // One atom that has no neighbor within the cutoff.
    std::fs::write(folder.path().join("alone.vasp"), "Po\n1.0\n30 0 0\n0 30 0\n0 0 30\nPo\n1\nDirect\n0 0 0\n")
        .unwrap();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/chgnet/chgnet_tiny.pth.tar");
    let output = run(&["verify", "--model", checkpoint, "--cifs", "alone.vasp"], folder.path());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text} {}", said(&output));
    assert!(text.contains("0 compared, 1 refused by both") && text.contains("no engine computes alone"), "{text}");
    assert!(text.contains("NOTHING COULD BE COMPARED") && !text.contains("AGREE"), "{text}");
}

#[test]
fn a_potential_with_one_engine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["verify", "--model", "lennard-jones"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("one engine"), "{}", said(&output));
}
