#!/usr/bin/env bash
# Cargo, also where it was installed a moment ago and no shell knows of it yet.
set -eu
if ! command -v "${CARGO:-cargo}" >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
fi
exec "${CARGO:-cargo}" "$@"
