#!/usr/bin/env python3
"""Copy the hand-made files of the CIF corpus (CC0) and their golden structures into this folder.

    copy.py CORPUS

Files above 50 kB are left out. `goldens.jsonl` keeps of the corpus' goldens what the tests need; the sites of files
that describe the same crystal are kept once (`same_as`).
"""
import json, os, shutil, sys

corpus, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
LIMIT = 50_000
os.makedirs(os.path.join(here, "quirks"), exist_ok=True)
known, rows = {}, []
for line in open(os.path.join(corpus, "goldens.jsonl"), encoding="utf-8"):
    g = json.loads(line)
    path = os.path.join(corpus, g["file"])
    if not g["file"].startswith("quirks/") or os.path.getsize(path) > LIMIT or (g.get("n_atoms") or 0) > 500:
        continue
    shutil.copyfile(path, os.path.join(here, g["file"]))
    row = {"file": g["file"], "expect": g["expect"], "class": g["class"], "tol_A": g["tol_A"], "formula_matches": g["formula_matches"]}
    if g["expect"] != "error":
        key = json.dumps([g["cell"], g["sites"]])
        if key in known:
            row["same_as"] = known[key]
        else:
            known[key] = g["file"]
            row["cell"], row["sites"] = g["cell"], g["sites"]
    rows.append(row)
with open(os.path.join(here, "goldens.jsonl"), "w", encoding="utf-8") as out:
    for row in rows:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
print(len(rows), "files")
