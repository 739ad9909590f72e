//! The program with a home of its own, and files that look like checkpoints.

use super::host::Host;
use crate::support::program;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `~/.cache/mlip-batch/models` in this home.
pub(super) fn kept(home: &Path) -> PathBuf {
    home.join(".cache/mlip-batch/models")
}

/// Names of all files that are kept, in order.
pub(super) fn files(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(kept(home)).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Bytes that begin and end as PyTorch's files do.
pub(super) fn checkpoint(n_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let mut bytes: Vec<u8> = noise.take(n_bytes).collect();
    bytes[..4].copy_from_slice(b"PK\x03\x04");
    bytes[n_bytes - 22..].fill(0);
    bytes[n_bytes - 22..n_bytes - 18].copy_from_slice(b"PK\x05\x06");
    bytes
}

/// The program in this home, in an environment that says nothing of hosts, caches and tokens.
pub(super) fn at_home(home: &Path) -> Command {
    let mut command = program();
    for (variable, _) in std::env::vars() {
        let of_hosts = ["HF_", "HUGGING_FACE", "XDG_", "SSL_CERT", "FAIRCHEM_", "CACHED_PATH"];
        let is_of_hosts = of_hosts.iter().any(|prefix| variable.starts_with(prefix));
        if is_of_hosts || variable.to_uppercase().ends_with("_PROXY") {
            command.env_remove(variable);
        }
    }
    command.env("HOME", home).current_dir(home).stdin(std::process::Stdio::null());
    command
}

/// `models get NAME`, licences accepted.
pub(super) fn get(home: &Path, name: &str) -> Command {
    let mut command = at_home(home);
    command.args(["models", "get", name, "--accept-licence"]);
    command
}

/// The environment and folder of another command.
pub(super) fn as_in<'a>(command: &'a mut Command, other: &Command) -> &'a mut Command {
    for (name, value) in other.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = other.get_current_dir() {
        command.current_dir(folder);
    }
    command
}

/// The same from a mirror, which is not asked long.
pub(super) fn from_mirror(home: &Path, name: &str, host: &Host) -> Command {
    let mut command = get(home, name);
    command.args(["--mirror", &host.url(), "--retries", "2", "--timeout", "5"]);
    command
}

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It ends so, and says this.
#[track_caller]
pub(super) fn ends(command: &mut Command, code: i32, words: &[&str]) -> Output {
    let output = command.output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for words in words {
        assert!(text.contains(words), "`{words}` is missing in: {text}");
    }
    output
}
