"""What kills from outside cost: everything is killed twice while each rank evaluates, then the run is resumed.

usage: killed_ranks.py PROGRAM [RANKS] [MODEL]     PROGRAM: mlip-batch with MPI; 64 ranks of CHGNet by default

Prints the time of an undisturbed run of the same crystals, that of the resume, and how many evaluations began alone
on their rank. All that was in flight is suspected after two kills; at most half of it goes at a time then, one to a rank,
so the resume should take about as long as the undisturbed run, and twice its longest evaluation at most.
"""
import os, random, shutil, signal, struct, subprocess, sys, tempfile, time
from pathlib import Path

program = Path(sys.argv[1]).resolve()
ranks = int(sys.argv[2]) if len(sys.argv) > 2 else 64
model = sys.argv[3] if len(sys.argv) > 3 else "chgnet"
environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLIP_", "OMPI_COMM", "PMIX_"))}
home = Path(tempfile.mkdtemp(prefix="killed-ranks-"))


def crystal(path, cells, seed):
    """Rock salt of cells^3 cubic cells, its atoms displaced a little."""
    draw, sites = random.Random(seed), []
    for i in range(2 * cells):
        for j in range(2 * cells):
            for k in range(2 * cells):
                at = (2.82 * step + draw.gauss(0, 0.01) for step in (i, j, k))
                sites.append("%s %.6f %.6f %.6f" % ("Na" if (i + j + k) % 2 else "Cl", *at))
    a = 5.64 * cells
    lattice = f'Lattice="{a} 0 0 0 {a} 0 0 0 {a}" Properties=species:S:1:pos:R:3'
    path.write_text(f"{len(sites)}\n{lattice}\n" + "\n".join(sites) + "\n")


def start(*arguments):
    command = ["mpirun", "--oversubscribe", "-n", str(ranks), str(program), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=open(home / "said.txt", "a"))


def processes(run):
    """Ranks that work in this run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(folder / "exe")) == program and str(run) in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def begun(run, attempt):
    """Evaluations that began in an attempt, and those among them that were alone on their rank."""
    total = alone = 0
    for journal in (run / f"journal/{attempt:04}").glob("*.journal"):
        data, at = journal.read_bytes(), 12
        while at + 8 <= len(data):
            (length,) = struct.unpack_from("<I", data, at)
            payload = data[at + 8 : at + 8 + length]
            at += 8 + length
            if payload[:1] == b"\x02" and len(payload) == 18:
                total, alone = total + 1, alone + payload[17]
    return total, alone


cells = home / "cells"
cells.mkdir()
for number in range(2 * ranks):
    crystal(cells / f"{number:04}.xyz", 5, number)
inputs = ["--cifs", cells, "--model", model, "--structure-workers", 1]
since = time.time()
assert start("run", *inputs, "--out", home / "whole").wait() == 0, home
print(f"undisturbed: {time.time() - since:.1f} s for {2 * ranks} crystals of 1000 atoms on {ranks} ranks")

run = home / "run"
for attempt in (1, 2):
    job = start(*(["run", *inputs, "--out", run] if attempt == 1 else ["resume", run]))
    while begun(run, attempt)[0] < ranks and job.poll() is None:
        time.sleep(0.05)
    for process in processes(run):
        os.kill(process, signal.SIGKILL)
    job.wait()
    print(f"attempt {attempt}: killed with {begun(run, attempt)[0]} evaluations begun")
since = time.time()
assert start("resume", run).wait() == 0, home
took, (total, alone) = time.time() - since, begun(run, 3)
print(f"resumed: {took:.1f} s, {total} evaluations, {alone} of them alone on their rank")
same = all((run / "report" / name).read_bytes() == (home / "whole/report" / name).read_bytes()
           for name in ("energies.csv", "forces.csv", "failures.csv"))
print("tables are those of the undisturbed run" if same else f"TABLES DIFFER: {home}")
if same:
    shutil.rmtree(home)
sys.exit(not same)
