//! With the feature `cuda`: kernels to fat binaries, by nvcc. Without it: nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Machine code for these, and PTX for what comes after them.
const ARCHITECTURES: [&str; 4] = [
    "arch=compute_80,code=sm_80",
    // With `a`: the matrix instructions that Hopper alone has.
    "arch=compute_90a,code=sm_90a",
    "arch=compute_100,code=sm_100",
    "arch=compute_90,code=compute_90",
];
const SOURCES: [&str; 5] = ["products", "rows", "mace", "chgnet", "uma"];

fn nvcc() -> PathBuf {
    match std::env::var_os("CUDA_HOME") {
        Some(home) => Path::new(&home).join("bin/nvcc"),
        None => PathBuf::from("nvcc"),
    }
}

const REMEDY: &str = "set CUDA_HOME to a CUDA toolkit of version 12.8 or later, or install one with scripts/cuda.sh, or \
                      build without the feature `cuda`";

/// As in `13.0`.
fn version(nvcc: &Path) -> Result<String, String> {
    let said = Command::new(nvcc).arg("--version").output();
    let said = said.map_err(|error| format!("{} cannot be started ({error}); {REMEDY}", nvcc.display()))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let version = said.split("release ").nth(1).and_then(|rest| rest.split(',').next());
    version.map(str::to_owned).ok_or_else(|| format!("{} --version says no version; {REMEDY}", nvcc.display()))
}

fn compile(nvcc: &Path, name: &str, out: &Path) -> Result<(), String> {
    let mut command = Command::new(nvcc);
    command.args(["-O3", "-std=c++17", "-fatbin"]);
    for architecture in ARCHITECTURES {
        command.args(["-gencode", architecture]);
    }
    command.arg("-o").arg(out.join(format!("{name}.fatbin"))).arg(format!("kernels/{name}.cu"));
    match command.status() {
        Err(error) => Err(format!("{} cannot be started ({error}); {REMEDY}", nvcc.display())),
        Ok(status) if !status.success() => Err(format!("{command:?} failed with {status}")),
        Ok(_) => Ok(()),
    }
}

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo gave no OUT_DIR")?;
    println!("cargo::rustc-env=MLIP_CUDA_VERSION={}", version(&nvcc())?);
    SOURCES.iter().try_for_each(|name| compile(&nvcc(), name, Path::new(&out)))
}
