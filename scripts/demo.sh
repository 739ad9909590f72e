#!/usr/bin/env bash
# Computes the crystals in tests/fixtures/cifs with the built-in potential on two MPI ranks, and shows the tables.
set -eu
cd "$(dirname "$0")/.."
. scripts/mpi.sh

program=${CARGO_TARGET_DIR:-target}/release/mlip-batch
run=runs/demo
# A demonstration begins at the beginning.
rm -rf "$run"

echo
echo "\$ $MPIRUN -n 2 $program run jobs/demo.toml"
# shellcheck disable=SC2086
$MPIRUN -n 2 "$program" run jobs/demo.toml >/dev/null

# Prints chosen columns of a table, aligned. Knows quoted fields.
show() { # TABLE ROWS COLUMN...
    local table=$1 rows=$2
    shift 2
    head -n "$((rows + 1))" "$table" | awk -v wanted="$*" '
        function fields(line, out,    n, i, c, quoted, text) {
            n = 0; text = ""; quoted = 0
            for (i = 1; i <= length(line); i++) {
                c = substr(line, i, 1)
                if (c == "\"") {
                    if (quoted && substr(line, i + 1, 1) == "\"") { text = text c; i++ } else quoted = !quoted
                } else if (c == "," && !quoted) { out[++n] = text; text = "" }
                else text = text c
            }
            out[++n] = text
            return n
        }
        BEGIN { columns = split(wanted, names, " ") }
        { n = fields($0, row) }
        NR == 1 { for (i = 1; i <= n; i++) at[row[i]] = i }
        {
            for (k = 1; k <= columns; k++) {
                value = row[at[names[k]]]
                if (NR > 1 && value ~ /^-?[0-9]+[.][0-9]/) value = sprintf("%.6g", value)
                cell[NR, k] = value
                if (length(value) > width[k] && k < columns) width[k] = length(value)
            }
        }
        END {
            for (r = 1; r <= NR; r++) {
                line = "  "
                for (k = 1; k <= columns; k++) line = line sprintf("%-" (width[k] + 2) "s", cell[r, k])
                sub(/ +$/, "", line)
                print (length(line) > 150) ? substr(line, 1, 147) "..." : line
            }
        }'
}

lines() { echo "$(($(wc -l <"$1") - 1))"; }
report=$run/report
echo
echo "energies and stress: $report/energies.csv ($(lines $report/energies.csv) rows)"
show "$report/energies.csv" 8 structure_id formula n_atoms status energy_ev energy_per_atom_ev max_force_ev_per_a stress_xx_ev_per_a3
echo
echo "forces and magnetic moments: $report/forces.csv ($(lines $report/forces.csv) rows)"
show "$report/forces.csv" 4 structure_id site element fx_ev_per_a fy_ev_per_a fz_ev_per_a magmom_mu_b
echo
echo "what could not be computed, and why: $report/failures.csv ($(lines $report/failures.csv) rows)"
show "$report/failures.csv" 5 structure_id line kind message
echo
echo "numbers are shortened here, not in the tables; the others lie beside them:"
echo "  $(cd "$report" && ls | paste -sd ' ')"
echo "next: docs/quickstart.md, or your own crystals: $MPIRUN -n 2 $program run --cifs FOLDER --model chgnet --out RUN"
