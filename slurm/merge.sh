#!/usr/bin/env bash
# Joins the tables of an array's parts, in the order of the list.
#
#   slurm/merge.sh RUNS      reads RUNS/part-*/report/*.csv, writes RUNS/report/*.csv
#
# The tables are those that one run over the whole list gives, but for ids that repeat across parts:
# a single run calls them `x`, `x#2`; here each part begins anew.
set -eu

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: merge.sh RUNS" >&2
    exit 2
fi
runs=$1
lists=("$runs"/part-*.list)
if [ ! -e "${lists[0]}" ]; then
    echo "merge.sh: there is no part-*.list in $runs" >&2
    exit 1
fi
missing=0
for list in "${lists[@]}"; do
    if [ ! -e "${list%.list}/report/energies.csv" ]; then
        echo "merge.sh: ${list%.list} is not finished" >&2
        missing=1
    fi
done
if [ "$missing" = 1 ]; then exit 1; fi

mkdir -p "$runs/report"
for table in energies forces ensemble forces_ensemble failures warnings memory timings; do
    # Only written with two potentials or more.
    if [ "$table" = forces_ensemble ] && [ ! -e "${lists[0]%.list}/report/$table.csv" ]; then continue; fi
    target=$runs/report/$table.csv
    first=1
    : >"$target.new"
    for list in "${lists[@]}"; do
        source=${list%.list}/report/$table.csv
        if [ ! -e "$source" ]; then
            echo "merge.sh: $source is missing" >&2
            exit 1
        fi
        if [ "$first" = 1 ]; then
            cat "$source"
            header=$(head -n 1 "$source")
        elif [ "$(head -n 1 "$source")" = "$header" ]; then
            tail -n +2 "$source"
        else
            echo "merge.sh: $source has other columns than the parts before it" >&2
            exit 1
        fi >>"$target.new"
        first=0
    done
    mv "$target.new" "$target"
    echo "$target"
done
