#!/usr/bin/env bash
# Builds the wheel of the Python package (release profile, without MPI), and tests it in a fresh environment with real ASE, pandas,
# polars, pymatgen and phonopy.
#
# usage: wheel.sh        PYTHON names the Python that makes the environments (python3)
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)

if ! "$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 9)' 2>/dev/null; then
    echo "missing: Python 3.9 or later with venv (PYTHON names one; Debian, Ubuntu: apt-get install python3-venv)" >&2
    exit 1
fi
build=$target/python-build tests=$target/python-wheel
if [ ! -x "$build/bin/maturin" ]; then
    "$python" -m venv "$build"
    "$build/bin/pip" install --quiet 'maturin>=1.9,<2'
fi

# Where cargo was installed a moment ago no shell knows of it yet.
if ! command -v "${CARGO:-cargo}" >/dev/null; then PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH; fi
rm -rf "$target/wheels"
"$build/bin/maturin" build --release --manifest-path crates/python/Cargo.toml --out "$target/wheels"
wheel=$(echo "$target"/wheels/mlip_batch-*.whl)

echo "testing $(basename "$wheel"), $(du -k "$wheel" | cut -f 1) kB"
rm -rf "$tests"
"$python" -m venv "$tests"
# First by itself: the program needs no other package.
"$tests/bin/pip" install --quiet "$wheel"
"$tests/bin/mlip-batch" --version
(cd crates/python/tests/python && "$tests/bin/python" -B -m unittest test_program)
"$tests/bin/pip" install --quiet "$wheel[all]" phonopy
(cd crates/python/tests/python && "$tests/bin/python" -B -m unittest)
echo "the wheel is $wheel"
