#!/usr/bin/env bash
# All tests, and at the end what was skipped and why. Exits with 1 if one failed, or was skipped although all that it
# needs is there.
#
# Data that tests may use when it is there: MLIP_CIF_DIR (a corpus of CIFs with expected structures),
# MLIP_REFERENCE_DIR (reference results of upstream's programs). tests/README.md says what they hold.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/mpi.sh

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
log=$target/test.log
: >"$log"
failed=()
# What scripts/setup.sh has installed.
if [ -z "${MLIP_PYTHON:-}" ] && [ -x "$target/python/bin/python" ]; then
    MLIP_PYTHON=$(cd "$target/python/bin" && pwd)/python
    export MLIP_PYTHON
fi

# One build serves everything: the profile of tests, in which overflow and debug assertions are checked.
step() { # NAME COMMAND...
    local name=$1 begin=$SECONDS
    shift
    echo "== $name"
    "$@" 2>&1 | tee -a "$log"
    if [ "${PIPESTATUS[0]}" != 0 ]; then failed+=("$name"); fi
    echo "== $name: $((SECONDS - begin)) s"
}

step "build" scripts/cargo.sh test --workspace --features mpi --no-run
step "cargo test" scripts/cargo.sh test --workspace --features mpi --no-fail-fast -- --show-output
# Every job file and preset that comes with the program must be one that it understands. Lennard-Jones has one engine.
presets() {
    local file
    for file in jobs/*.toml configs/*/*.toml; do
        "$target/debug/mlip-batch" plan "$file" --cifs tests/fixtures/cifs --model lennard-jones --engine native >/dev/null || {
            echo "$file is refused"
            return 1
        }
    done
}
step "jobs and configs" presets
step "Slurm" tests/slurm/requeue.sh "$target/debug/mlip-batch"
# Licenses and sources of dependencies, which needs no network; the program for it is not installed for this alone.
dependencies() {
    if scripts/cargo.sh deny --version >/dev/null 2>&1; then
        scripts/cargo.sh deny --offline --workspace check --hide-inclusion-graph licenses bans sources
    else
        echo "skipped: licenses and sources of dependencies (no cargo-deny)"
    fi
}
step "dependencies" dependencies

echo
skipped=$(sed -n 's/^ *\(skipped: .*\)/\1/p' "$log" | sort | uniq -c | sed 's/^ *\([0-9]*\) skipped: \(.*\)/  \2 (\1 times)/; s/ (1 times)$//')
if [ -n "$skipped" ]; then
    echo "skipped:"
    echo "$skipped"
else
    echo "nothing was skipped"
fi
in_sbin() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }
# What is not here may be skipped, and nothing else.
excused() { # a line that says what was skipped
    case $1 in
    *"MLIP_REFERENCE_DIR or MLIP_MACE_MODELS"*) [ -z "${MLIP_REFERENCE_DIR:-}" ] || [ -z "${MLIP_MACE_MODELS:-}" ] ;;
    *MLIP_CIF_DIR*) [ -z "${MLIP_CIF_DIR:-}" ] ;;
    *MLIP_REFERENCE_DIR*) [ -z "${MLIP_REFERENCE_DIR:-}" ] ;;
    *MLIP_ESEN_REAL*) [ -z "${MLIP_ESEN_REAL:-}" ] ;;
    *MLIP_CHECKPOINTS*) [ -z "${MLIP_CHECKPOINTS:-}" ] ;;
    *"no Python with "*)
        local modules=${1#*no Python with }
        ! "${MLIP_PYTHON:-python3}" -c "import ${modules%% (MLIP_PYTHON*}" 2>/dev/null
        ;;
    *MLIP_PYTHON*) [ -z "${MLIP_PYTHON:-}" ] ;;
    *"Slurm tests"*) ! { in_sbin slurmctld && in_sbin munged; } ;;
    *"no cargo-deny"*) ! cargo deny --version >/dev/null 2>&1 ;;
    *Chromium*) ! { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null ;;
    *"may read everything"*) [ "$(id -u)" = 0 ] ;;
    */dev/full*) [ ! -e /dev/full ] ;;
    *"small disk"*) ! unshare -rm true 2>/dev/null ;;
    # The test has tried it with a shell in place of the program.
    *"passes no signals on"*) true ;;
    # The test has looked for it where the program does.
    *"mlip-batch models get"*) true ;;
    *) false ;;
    esac
}
if [ -n "$skipped" ]; then
    while IFS= read -r line; do
        if ! excused "$line"; then failed+=("skipped without need:${line# }"); fi
    done <<<"$skipped"
fi
# What a test that failed printed stands again at the very end, where a log that is cut in its middle still shows it.
failures() {
    awk '
        /^---- .* (stdout|stderr) ----$/ { name = $0; next }
        /^successes:$/ { passed = 1 }
        /^failures:$/ { passed = 0; name = "" }
        /^test result:/ { name = "" }
        name != "" && !passed { n[name]++; if (n[name] <= 60) text[name] = text[name] "  " $0 "\n" }
        END { for (name in text) printf "%s\n%s", name, text[name] }
    ' "$log"
}
if [ ${#failed[@]} -gt 0 ]; then
    echo
    failures
    grep -E '^test .* FAILED$' "$log"
    echo "FAILED: $(IFS=,; echo "${failed[*]}"); everything that was printed is in $log"
    exit 1
fi
echo "all tests passed; everything that was printed is in $log"
