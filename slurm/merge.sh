#!/usr/bin/env bash
# Makes one run of an array's parts: `mlip-batch merge`, with the program that the batch scripts use.
#
#   slurm/merge.sh RUNS [options of `mlip-batch merge`]      writes RUNS/report/*.csv
#
# The tables are those that one run over the whole list gives. A part that is missing or not finished is an error.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: merge.sh RUNS [options of mlip-batch merge]" >&2
    exit 2
fi
program=${MLIP_BATCH:-}
if [ -z "$program" ]; then
    program=$(cd "$(dirname "$0")/.." && pwd)/target/release/mlip-batch
    if [ ! -x "$program" ]; then program=mlip-batch; fi
fi
if ! command -v "$program" >/dev/null; then
    echo "merge.sh: there is no program '$program': build it, or say where it is with MLIP_BATCH" >&2
    exit 2
fi
exec "$program" merge "$@"
