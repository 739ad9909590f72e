#!/usr/bin/env python3
"""Kills ranks, launchers and whole jobs of real runs under mpirun at random moments, and stops some for a while; after each
storm the run goes on to its end, and its tables are held against those of a run that nothing happened to.

    scripts/kill_storm.py --program target/release/mlip-batch --rounds 100 --seed 1

Needs mpirun and nothing else. Ends with code 1 and names the folder that it leaves behind where tables differ, a result is
lost or computed twice, or a job or its launcher hangs. Ends only processes that it started.
"""

import argparse
import collections
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TABLES = ["structures.csv", "energies.csv", "forces.csv", "ensemble.csv", "failures.csv", "warnings.csv"]


def crystals(folder, n, rng):
    """Distorted rock salt of 64 atoms, and some files that are none."""
    folder.mkdir()
    for number in range(n):
        rows = []
        for i in range(8):
            for j in range(2):
                for k in range(4):
                    at = [x + rng.gauss(0, 0.05) for x in (2.8 * i / 2, 2.8 * j * 2, 2.8 * k)]
                    rows.append("%s %.6f %.6f %.6f" % ("Na" if (i + j + k) % 2 else "Cl", *at))
        cell = "11.2 0 0 0 11.2 0 0 0 11.2"
        text = "broken" if number % 17 == 16 else f'{len(rows)}\nLattice="{cell}"\n' + "\n".join(rows) + "\n"
        (folder / f"c{number:04}.xyz").write_text(text)


def children(root):
    """Processes below one, itself left out."""
    parents = collections.defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(words[1])].append(int(stat.parent.name))
    found, left = [], [root]
    while left:
        below = parents[left.pop()]
        found += below
        left += below
    return found


def ranks_of(job, program):
    name = Path(program).name[:15]
    own = []
    for process in children(job.pid):
        try:
            if Path(f"/proc/{process}/comm").read_text().strip() == name:
                own.append(process)
        except OSError:
            pass
    return own


def send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


class Storm:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.home = Path(tempfile.mkdtemp(prefix="kill-storm-"))
        self.count = collections.Counter()
        self.where = "the run that nothing happens to"
        crystals(self.home / "cifs", options.structures, self.rng)

    def start(self, arguments, ranks):
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        command = [self.options.mpirun, "--oversubscribe", "-n", str(ranks), self.options.program, *arguments]
        log = open(self.home / "said.txt", "ab")
        return subprocess.Popen(command, cwd=self.home, stdout=log, stderr=log, env=environment, start_new_session=True)

    def arguments(self, run):
        if (self.home / run / "run.toml").is_file():
            return ["resume", run]
        return ["run", "--cifs", "cifs", "--model", self.options.model, "--out", run]

    def end(self, job, seconds=120):
        """Waits; a job that hangs is ended, and the storm with it."""
        until, gone = time.time() + seconds, None
        while time.time() < until:
            if (code := job.poll()) is not None:
                return code
            if ranks_of(job, self.options.program):
                gone = None
            else:
                gone = gone or time.time()
                # Longer than it needs to start ranks, or to end after them.
                if time.time() - gone > self.options.launcher_waits:
                    break
            time.sleep(0.01)
        for process in children(job.pid) + [job.pid]:
            send(process, signal.SIGKILL)
        job.wait()
        if not gone:
            sys.exit(f"{self.where}: a job hung: ranks were there after {seconds} s: {self.home}")
        self.count["launchers that hung"] += 1
        if self.count["launchers that hung"] > self.options.launchers_may_hang:
            sys.exit(f"{self.where}: a launcher hung: it had no ranks for {self.options.launcher_waits} s and did not end: {self.home}. "
                     "That of Open MPI 4.1 now and then waits for itself; --launchers-may-hang 1 lets that pass once.")
        return None

    def gone(self, processes, seconds=30):
        """Waits until none of them is left: the next attempt would find the run locked."""
        until = time.time() + seconds
        while time.time() < until and any(Path(f"/proc/{process}").exists() for process in processes):
            time.sleep(0.01)
        for process in processes:
            send(process, signal.SIGKILL)

    def finish(self, run):
        for _ in range(5):
            code = self.end(self.start(self.arguments(run), self.rng.choice([1, 2, 3])))
            if code == 0:
                return True
            if code is None:
                continue
            # Nothing disturbs it: that it needs another attempt is worth a look.
            self.count["undisturbed attempts that failed"] += 1
        return False

    def disturb(self, run):
        """One attempt, and what happens to it."""
        job = self.start(self.arguments(run), ranks := self.rng.choice([1, 2, 3, 4, 6]))
        until = time.time() + 30
        while time.time() < until and job.poll() is None and len(ranks_of(job, self.options.program)) < ranks:
            time.sleep(0.005)
        time.sleep(self.rng.expovariate(1 / self.options.after))
        alive, everything = ranks_of(job, self.options.program), children(job.pid) + [job.pid]
        if job.poll() is not None or not alive:
            self.count["over before"] += 1
            self.end(job)
            return
        kind = self.rng.choice(["rank", "rank", "all ranks", "job", "launcher", "stopped", "asked"])
        self.count[kind] += 1
        if kind == "rank":
            send(self.rng.choice(alive), signal.SIGKILL)
        elif kind == "all ranks":
            for process in alive:
                send(process, signal.SIGKILL)
        elif kind == "job":
            for process in everything:
                send(process, signal.SIGKILL)
        elif kind == "launcher":
            send(job.pid, signal.SIGKILL)
        elif kind == "asked":
            send(job.pid, signal.SIGTERM)
        else:
            victim = self.rng.choice(alive)
            send(victim, signal.SIGSTOP)
            time.sleep(self.rng.uniform(0.1, 1.5))
            if self.rng.random() < 0.5:
                send(self.rng.choice(alive), signal.SIGKILL)
            send(victim, signal.SIGCONT)
        self.end(job)
        self.gone(everything)

    def tables(self, run):
        report = self.home / run / "report"
        return {name: hashlib.sha256((report / name).read_bytes()).hexdigest() for name in TABLES if (report / name).is_file()}

    def results(self, run):
        """How often each task has a record in the journals."""
        found = collections.Counter()
        for journal in (self.home / run).glob("journal/*/rank-*.journal"):
            data, at = journal.read_bytes(), 12
            while at + 8 <= len(data):
                (length,) = struct.unpack_from("<I", data, at)
                payload = data[at + 8 : at + 8 + length]
                if len(payload) == length and payload[:1] == b"\x03":
                    found[payload[1:17]] += 1
                at += 8 + length
        return found

    def run(self):
        if not self.finish("REFERENCE"):
            sys.exit(f"the run that nothing happens to fails: {self.home}/said.txt")
        expected, n_tasks = self.tables("REFERENCE"), len(self.results("REFERENCE"))
        for number in range(self.options.rounds):
            self.where = f"round {number}"
            for _ in range(self.rng.randint(1, 4)):
                self.disturb("RUN")
            if not self.finish("RUN"):
                sys.exit(f"round {number}: the run does not come to its end: {self.home}")
            results = self.results("RUN")
            twice = sum(1 for times in results.values() if times > 1)
            if self.tables("RUN") != expected or len(results) != n_tasks or twice:
                sys.exit(f"round {number}: tables differ, or {twice} results are there twice: {self.home}")
            if failed := self.count["undisturbed attempts that failed"]:
                sys.exit(f"round {number}: {failed} attempts failed though nothing disturbed them: {self.home}")
            shutil.rmtree(self.home / "RUN")
        print(f"{self.options.rounds} rounds, seed {self.options.seed}: {dict(self.count)}; all tables equal")
        shutil.rmtree(self.home)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", default="target/release/mlip-batch")
    parser.add_argument("--mpirun", default=os.environ.get("MPIRUN", "mpirun").split()[0])
    parser.add_argument("--model", default="lennard-jones")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--structures", type=int, default=1500)
    parser.add_argument("--after", type=float, default=0.1, help="mean time before something happens, seconds")
    parser.add_argument("--launcher-waits", type=float, default=20, help="time in which a launcher without ranks must end, seconds")
    parser.add_argument("--launchers-may-hang", type=int, default=0, help="number of launchers without ranks that are ended while the storm goes on")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    program = Path(options.program)
    if not program.is_file():
        parser.error(f"{program} is not there: make build, or name another with --program")
    options.program = str(program.resolve())
    Storm(options).run()


if __name__ == "__main__":
    main()
