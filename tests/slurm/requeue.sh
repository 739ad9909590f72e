#!/usr/bin/env bash
# Runs slurm/cpu.sbatch and slurm/array.sbatch under a real Slurm of its own: a job reaches its time limit, requeues
# itself, and finishes with the tables of an uninterrupted run, byte for byte; so does an array, joined by merge.sh.
#
# usage: requeue.sh PROGRAM        PROGRAM: mlip-batch built with `mpi`
#
# Ends with 0 and a line that begins with `skipped:` where Slurm or MPI is missing. Takes about three minutes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/cluster.sh"

if [ $# -ne 1 ] || [ ! -x "$1" ]; then
    echo "usage: requeue.sh PROGRAM" >&2
    exit 2
fi
program=$(realpath "$1")

missing=$(cluster_missing | paste -sd ' ')
if [ -n "$missing" ]; then
    echo "skipped: Slurm tests (not installed: $missing; Debian and Ubuntu: apt-get install slurm-wlm munge)"
    exit 0
fi
work=$(mktemp -d /tmp/mlip-slurm.XXXXXX)
failed=1
finish() {
    cluster_stop "$work/slurm"
    if [ "$failed" = 0 ]; then
        rm -rf "$work"
    else
        echo "the files of the failed test are in $work" >&2
    fi
}
trap finish EXIT
trap 'exit 1' INT TERM

say() { echo "slurm: $*"; }
die() {
    say "FAILED: $*" >&2
    for log in "$work"/*.out "$work"/slurm/log/slurmctld.log; do
        if [ -f "$log" ]; then
            echo "--- $log" >&2
            tail -n 25 "$log" >&2
        fi
    done
    exit 1
}

# Rock salt of 64 atoms. Equal structures would be computed once, so each has a lattice of its own.
crystals() { # COUNT > a table with CIF texts
    awk -v count="$1" 'BEGIN {
        print "id,cif"
        for (i = 0; i < count; i++) {
            printf "NaCl-%06d,\"data_NaCl\n", i
            split("a b c", axes, " ")
            for (k = 1; k <= 3; k++) printf "_cell_length_%s %.5f\n", axes[k], 11.2 + i / 50000
            print "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M \"\"P 1\"\""
            print "loop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z"
            for (x = 0; x < 4; x++) for (y = 0; y < 4; y++) for (z = 0; z < 4; z++)
                print ((x + y + z) % 2 ? "Cl" : "Na"), x / 4, y / 4, z / 4
            print "\""
        }
    }'
}

compare() { # RUN
    local table
    for table in energies forces ensemble failures warnings; do
        cmp "$work/whole/report/$table.csv" "$1/report/$table.csv" || die "$table.csv of $1 differs from that of the uninterrupted run"
    done
}
state() { scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
await() { # SECONDS WHAT CONDITION...
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$until" ]; then die "$what did not happen in time"; fi
        sleep 1
    done
}

begin=$SECONDS
cd "$root" || exit 1
. scripts/mpi.sh
# Virtual nodes claim CPUs that this machine may not have: no binding to them.
export OMPI_MCA_hwloc_base_binding_policy=none MLIP_BATCH=$program MLIP_HOME=$root
model=${MLIP_TEST_MODEL:-chgnet}

# How many crystals take 35 s. The job gets one core for its two ranks, and so 70 s of work or more. Slurm's shortest limit
# is a minute. It looks at the clock every half minute and warns when it may be too late the next time: with 15 s wanted that
# is 15 to 45 s after the start. With 30 s wanted it can be at once, before the shell has its trap.
crystals 80 >"$work/few.csv"
since=$(date +%s%N)
$MPIRUN -n 2 "$program" run --cifs "$work/few.csv" --model "$model" --out "$work/few" >/dev/null 2>"$work/few.out" || die "the program does not run under mpirun"
took=$((($(date +%s%N) - since) / 1000000))
count=$((80 * ${MLIP_TEST_SECONDS:-35} * 1000 / took))
if [ "$count" -gt 20000 ]; then count=20000; fi
say "80 crystals take $took ms with start and end; taking $count"

mkdir "$work/slurm"
cluster_start "$work/slurm" 4 || die "no cluster"
nodes=$(sinfo -h -N | wc -l)
if srun --mpi=list 2>&1 | grep -q pmix; then launch="srun --mpi=pmix"; else launch=$MPIRUN; fi
launch=${MLIP_TEST_LAUNCH:-$launch}
one_core="taskset -c $(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')"
say "cluster of $nodes nodes, ranks started by $launch"

# 1. The time limit. The second start gets time enough.
time_limit() { # COUNT: sets `job`; fails if the job was done before its warning
    rm -rf "$work/whole" "$work/run" "$work/job.out"
    crystals "$1" >"$work/all.csv"
    $MPIRUN -n 2 "$program" run --cifs "$work/all.csv" --model "$model" --out "$work/whole" >/dev/null 2>"$work/whole.out" || die "the uninterrupted run fails"
    say "uninterrupted run after $((SECONDS - begin)) s"
    job=$(MLIP_LAUNCH="$launch $one_core" sbatch --parsable --nodes="$nodes" --ntasks=2 --time=1 --signal=B:USR1@15 --mem-per-cpu=1G \
        --output="$work/job.out" slurm/cpu.sbatch --cifs "$work/all.csv" --model "$model" --out "$work/run") || die "sbatch refuses cpu.sbatch"
    await 120 "the end of the first start" ended
    grep -q 'the time limit is near' "$work/job.out"
}
ended() { grep -q 'ended with code' "$work/job.out" 2>/dev/null; }
# This machine may have been busier at first than it is now.
if ! time_limit "$count"; then
    say "the job was done before its warning; once more with three times as much"
    time_limit $((3 * count)) || die "the job ended before its limit"
fi
grep -q 'ended with code 75' "$work/job.out" || die "the first start did not drain"
say "warned and drained after $((SECONDS - begin)) s: $("$program" status "$work/run" | sed -n 's/^records *//p')"
# Refused for the moment in which a job ends.
longer() { scontrol update JobId="$job" TimeLimit=30 2>/dev/null; }
await 30 "a longer limit" longer
done_or_dead() { case $(state "$job") in COMPLETED | FAILED | TIMEOUT | CANCELLED) ;; *) return 1 ;; esac; }
await 180 "the end of the job" done_or_dead
if [ "$(state "$job")" != COMPLETED ]; then die "the job is $(state "$job")"; fi
starts=$(grep -c ', start [0-9]*:' "$work/job.out")
if [ "$starts" -lt 2 ]; then die "the job started $starts times"; fi
compare "$work/run"
say "done in $starts starts, with the tables of the uninterrupted run, after $((SECONDS - begin)) s"

# 2. An array, its ranks started by mpirun.
for cif in tests/fixtures/cifs/*.cif; do echo "$root/$cif"; done >"$work/crystals.list"
rm -rf "$work/whole"
$MPIRUN -n 2 "$program" run --cifs "$work/crystals.list" --model "$model" --out "$work/whole" >/dev/null 2>"$work/whole.out" || die "the uninterrupted run fails"
array() { # TASKS OPTIONS...
    MLIP_LAUNCH="$MPIRUN" sbatch --wait --array="$1" --ntasks=2 --nodes=1 --time=5 "${@:2}" --output="$work/array-%a.out" \
        slurm/array.sbatch "$work/crystals.list" "$work/parts" --model "$model" >/dev/null
}
array 0-2 --mem-per-cpu=1G || die "a task of the array failed"
# A part that is gone is named, and its task is submitted again by its number; at a site that demands --mem.
rm -rf "$work/parts/part-00002"
if slurm/merge.sh "$work/parts" >"$work/merge.out" 2>&1; then die "a missing part is not noticed"; fi
grep -q 'missing: 2$' "$work/merge.out" || die "the missing part is not named: $(cat "$work/merge.out")"
array 1 --mem=1800M || die "a task that is submitted again fails: $(cat "$work/array-1.out")"
if array 0-3 --mem=1800M; then die "another number of parts is taken"; fi
slurm/merge.sh "$work/parts" >"$work/merge.out" 2>&1 || die "the parts cannot be joined: $(cat "$work/merge.out")"
compare "$work/parts"
say "an array of 3 parts gives the tables of one run, after $((SECONDS - begin)) s"
failed=0
