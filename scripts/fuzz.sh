#!/usr/bin/env bash
# fuzz.sh TIME [TARGET…]: libFuzzer on every target of fuzz/, or on these, one after the other, TIME seconds in all. What was
# found before is replayed by `make test`; the corpus grows in fuzz/corpus, findings lie in fuzz/artifacts/TARGET. The last
# lines say how much was tried. Without cargo-fuzz or a nightly compiler random mutants are tried instead.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' fuzz/Cargo.toml)

if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo 'cargo-fuzz or a nightly compiler is missing (cargo install cargo-fuzz; rustup toolchain install nightly): random mutants instead' >&2
    exec cargo run --release -q -p mlip-fuzz-targets --example storm -- "$seconds" "${targets[@]}"
fi

each=$((seconds / ${#targets[@]}))
[ "$each" -ge 1 ] || each=1
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}
failed=0
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/regressions/$target"
    # Bytes: executions times the mean length in the corpus would be a guess, so the length is bounded and both are said.
    if ! cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" "fuzz/regressions/$target" -- \
        -max_total_time="$each" -timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 >"fuzz/last-$target.log" 2>&1; then
        failed=1
        echo "$target: FOUND SOMETHING, see fuzz/last-$target.log and fuzz/artifacts/$target" >&2
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "fuzz/last-$target.log")
    bytes=$(find "fuzz/corpus/$target" -type f -printf '%s\n' | awk '{ n += 1; sum += $1 } END { print (n ? sum / n : 0) }')
    echo "$target: ${runs:-?} executions in $each s; the mean length in the corpus is ${bytes%.*} bytes"
done
exit $failed
