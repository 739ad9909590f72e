#!/usr/bin/env bash
# An environment of Python with the packages that tests compare with: target/python. Nothing is done where it is there.
#
# usage: python.sh       PYTHON names the Python that makes it (python3)
set -eu
cd "$(dirname "$0")/.."
environment=${CARGO_TARGET_DIR:-target}/python
modules='ase, pandas, polars, pyarrow, duckdb, pymatgen.core, phonopy'

if [ -x "$environment/bin/python" ] && "$environment/bin/python" -c "import $modules" 2>/dev/null; then exit 0; fi
echo "installing: ase, pandas, polars, pyarrow, duckdb, pymatgen, phonopy, by pip, into $environment"
mkdir -p "$(dirname "$environment")"
rm -rf "$environment"
"${PYTHON:-python3}" -m venv "$environment"
# Where there is no network it says so soon.
timeout 600 "$environment/bin/pip" install --quiet --retries 1 --timeout 15 --disable-pip-version-check \
    ase pandas polars pyarrow duckdb pymatgen phonopy || {
    rm -rf "$environment"
    exit 1
}
