#!/usr/bin/env bash
# Installs what is missing on Debian and Ubuntu, and only that.
#
# usage: setup.sh build|wheel|test
#
#   build   must succeed: a C compiler, an MPI with its compiler wrapper, libclang, Rust
#   wheel   a C compiler, Rust, Python with venv
#   test    what build has, and where they can be had Slurm, Chromium and packages of Python: without them some tests are skipped
#
# What is there is recognized by what it does, so an MPI from an environment module counts. Nothing is installed
# with MLIP_NO_INSTALL set, or without root or a sudo that asks no password: then it says what to do.
set -eu
cd "$(dirname "$0")/.."
goal=${1:-build}

has() { command -v "$1" >/dev/null 2>&1; }
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null ||
        compgen -G '/usr/lib*/libclang.so*' >/dev/null || /sbin/ldconfig -p 2>/dev/null | grep -q 'libclang[-.]'
}
has_slurm() { PATH=$PATH:/usr/sbin has slurmctld && PATH=$PATH:/usr/sbin has slurmd && PATH=$PATH:/usr/sbin has munged && has sbatch; }
has_venv() { "${PYTHON:-python3}" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 9)' 2>/dev/null; }
has_cargo() { has "${CARGO:-cargo}" || [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; }

# Packages of Debian and Ubuntu for what is not there.
needed=() wished=()
if ! has cc; then needed+=(build-essential); fi
if [ "$goal" = wheel ]; then
    if ! has_venv; then needed+=(python3-venv); fi
else
    if ! has mpicc || ! has mpirun; then needed+=(openmpi-bin libopenmpi-dev); fi
    if ! has_libclang; then needed+=(libclang-dev); fi
    # Debian's libclang brings no C headers of its own.
    if ! has clang && [ -z "${LIBCLANG_PATH:-}" ]; then needed+=(clang); fi
    if ! has pkg-config; then needed+=(pkg-config); fi
fi
if [ "$goal" = test ] && ! has_slurm; then wished+=(slurm-wlm munge); fi
if [ "$goal" = test ] && ! has tmux; then wished+=(tmux); fi
if [ "$goal" = test ] && ! has chromium && ! has chromium-browser && ! has google-chrome; then wished+=(chromium); fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}
# Why nothing can be installed here; nothing if it can.
obstacle() {
    if [ -n "${MLIP_NO_INSTALL:-}" ]; then
        echo "MLIP_NO_INSTALL is set"
    elif ! has apt-get; then
        echo "this system has no apt-get"
    elif [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        echo "neither root nor a sudo without password"
    fi
}
install() {
    echo "installing: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ ${#needed[@]} -gt 0 ] || [ ${#wished[@]} -gt 0 ]; then
    why=$(obstacle)
    if [ -z "$why" ]; then
        as_root apt-get update -q >"$log" 2>&1 || echo "apt-get update failed; trying with the lists that are there"
    fi
fi
if [ ${#needed[@]} -gt 0 ]; then
    if [ -n "$why" ]; then
        echo "missing: ${needed[*]} ($why)" >&2
        echo "  Debian, Ubuntu: sudo apt-get install ${needed[*]}" >&2
        echo "  a cluster:      load the modules of an MPI and of clang, see docs/clusters.md" >&2
        exit 1
    fi
    if ! install "${needed[@]}"; then
        tail -n 20 "$log" >&2
        echo "cannot install ${needed[*]}; the last lines of apt-get are above" >&2
        exit 1
    fi
fi
if [ ${#wished[@]} -gt 0 ]; then
    if [ -n "$why" ] || ! install "${wished[@]}"; then
        echo "not installed: ${wished[*]} (${why:-apt-get failed}); tests that need them will be skipped"
    fi
fi

# Real ASE, pandas, pymatgen, phonopy for tests that compare with them, unless MLIP_PYTHON names a Python that has them.
if [ "$goal" = test ] && [ -z "${MLIP_PYTHON:-}" ] && [ -z "${MLIP_NO_INSTALL:-}" ] && has_venv; then
    scripts/python.sh || echo "not installed: packages of Python; tests that need them will be skipped"
fi

if ! has_cargo; then
    if [ -n "${MLIP_NO_INSTALL:-}" ] || ! has curl; then
        echo "missing: Rust. Install it from https://rustup.rs, then try again" >&2
        exit 1
    fi
    echo "installing: Rust, by rustup, for this user"
    if ! curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "cannot install Rust; see https://rustup.rs" >&2
        exit 1
    fi
fi

# The language version of the workspace, compared as numbers.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
found=$(scripts/cargo.sh --version | awk '{print $2}')
if [ "$(printf '%s\n%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "Rust $found is too old: at least $wanted is needed. \`rustup update\` brings it" >&2
    exit 1
fi
