#!/usr/bin/env bash
# Puts the program that `make build` made, its manual pages and its completions under DESTDIR/PREFIX. Where cargo was told
# to build elsewhere (CARGO_TARGET_DIR, CARGO_BUILD_TARGET) the program lies there.
set -eu
cd "$(dirname "$0")/.."
program=${CARGO_TARGET_DIR:-target}/${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}release/mlip-batch
target=${DESTDIR:-}${PREFIX:-/usr/local}
if [ ! -x "$program" ]; then
    echo "missing: $program; run \`make build\` first" >&2
    exit 1
fi
install -d "$target/bin" "$target/share/man/man1" "$target/share/doc/mlip-batch" \
    "$target/share/bash-completion/completions" "$target/share/zsh/site-functions" \
    "$target/share/fish/vendor_completions.d" "$target/share/mlip-batch/slurm"
install -m 755 "$program" "$target/bin/mlip-batch"
"$program" man --out "$target/share/man/man1"
"$program" completions bash >"$target/share/bash-completion/completions/mlip-batch"
"$program" completions zsh >"$target/share/zsh/site-functions/_mlip-batch"
"$program" completions fish >"$target/share/fish/vendor_completions.d/mlip-batch.fish"
# The licences of the weights in the program go with every copy of it.
install -m 644 LICENSE-MIT LICENSE-APACHE NOTICE README.md CHANGELOG.md CITATION.cff docs/*.md crates/models/weights/LICENSE.* \
    "$target/share/doc/mlip-batch"
install -m 755 slurm/*.sbatch slurm/*.sh "$target/share/mlip-batch/slurm"
echo "installed: $target/bin/mlip-batch"
