//! What one thread of a kernel computes, and where numbers lie, checked on a CPU: the headers are plain C++.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

#[test]
fn the_arithmetic_of_kernels_is_right_on_a_cpu() {
    check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/arithmetic.cpp"));
}

#[test]
fn what_mace_adds_to_it_is_right_on_a_cpu() {
    check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mace.cpp"));
}

#[test]
fn what_chgnet_adds_to_it_is_right_on_a_cpu() {
    check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chgnet.cpp"));
}

#[test]
fn what_uma_adds_to_it_is_right_on_a_cpu() {
    check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/uma.cpp"));
}

fn check(source: &str) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("arithmetic");
    let compiled = Command::new(&compiler)
        .args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(source)
        .output();
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(error) => {
            eprintln!("skipped: no C++ compiler ({}: {error})", compiler.display());
            return;
        }
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let checked = Command::new(&program).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.is_empty(), "{}", said.lines().take(20).collect::<Vec<_>>().join("\n"));
}
