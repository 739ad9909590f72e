#!/usr/bin/env bash
# A Debian package of the program that `make build` made: target/debian/*.deb. What is in it is what `make install` installs;
# the libraries that it needs, MPI among them, are found by dpkg-shlibdeps.
set -eu
cd "$(dirname "$0")/.."
if ! scripts/cargo.sh deb --version >/dev/null 2>&1; then
    echo "missing: cargo-deb; cargo install cargo-deb --locked" >&2
    exit 1
fi
rm -rf target/package
DESTDIR=target/package PREFIX=/usr scripts/install.sh >/dev/null
gzip -9n target/package/usr/share/man/man1/*.1
scripts/cargo.sh deb --no-build --strip --output "${CARGO_TARGET_DIR:-target}/debian/"
