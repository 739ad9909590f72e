#!/usr/bin/env bash
# The program as one file without shared libraries, for one machine, without MPI: target/x86_64-unknown-linux-musl/release.
set -eu
cd "$(dirname "$0")/.."
target=$(uname -m)-unknown-linux-musl
if ! command -v musl-gcc >/dev/null; then
    echo "missing: musl-gcc; Debian, Ubuntu: sudo apt-get install musl-tools" >&2
    exit 1
fi
if [ ! -d "$(rustc --print target-libdir --target "$target")" ] && ! rustup target add "$target"; then
    echo "missing: Rust's libraries for $target; rustup target add $target" >&2
    exit 1
fi
scripts/cargo.sh build --release --target "$target"
