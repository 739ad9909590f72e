"""The program inside an interpreter, and what needs no other package."""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import mlip_batch
from mlip_batch import _native

CIFS = Path(__file__).resolve().parents[4] / "tests" / "fixtures" / "cifs"


def program(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "mlip_batch", *arguments], capture_output=True, text=True, timeout=300, **options
    )


class Program(unittest.TestCase):
    def test_says_its_version_and_help_on_stdout(self):
        said = program("--version")
        self.assertEqual((said.returncode, said.stdout.splitlines()[0]), (0, f"mlip-batch {mlip_batch.__version__}"))
        self.assertIn("Usage: mlip-batch", program("--help").stdout)

    def test_output_that_stays_in_a_buffer_arrives(self):
        said = program("models")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("chgnet", said.stdout)
        self.assertEqual(said.stdout[-1], "\n")

    def test_mistakes_have_the_documented_exit_code(self):
        said = program("run", "--fmx", "1")
        self.assertEqual(said.returncode, 2)
        self.assertIn("--fmax", said.stderr)

    def test_a_run_writes_tables_and_ends_with_its_code(self):
        with tempfile.TemporaryDirectory() as folder:
            said = program("run", "--cifs", str(CIFS / "bad_truncated_row.cif"), "--model", "lennard-jones", cwd=folder)
            self.assertEqual(said.returncode, 4, said.stderr)
            cif = str(CIFS / "cod-crystals_Bi.cif")
            said = program("run", "--cifs", cif, "--model", "lennard-jones", "--out", "OK", cwd=folder)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertTrue((Path(folder) / "OK/report/energies.csv").is_file())

    def test_a_signal_drains_a_run(self):
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "mlip_batch", "run", "--cifs", str(CIFS), "--model", "chgnet"]
            for asked in (signal.SIGTERM, signal.SIGINT):
                out = Path(folder) / asked.name
                child = subprocess.Popen(
                    [*words, "--relax", "--fmax", "1e-6", "--out", str(out), "--structure-workers", "1"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                journal = out / "journal/0001/rank-00000.journal"
                deadline = time.monotonic() + 120
                while time.monotonic() < deadline and not (journal.is_file() and journal.stat().st_size > 0):
                    time.sleep(0.05)
                child.send_signal(asked)
                _, said = child.communicate(timeout=120)
                self.assertEqual(child.returncode, 75, said)
                self.assertIn("resume", said)

    def test_bench_starts_the_program_again(self):
        with tempfile.TemporaryDirectory() as folder:
            cif = str(CIFS / "cod-crystals_Bi.cif")
            words = ["bench", "--cifs", cif, "--model", "lennard-jones", "--splits", "1x1x1", "--repeat", "1"]
            said = program(*words, "--out", "B", cwd=folder)
            self.assertEqual(said.returncode, 0, said.stderr)


class Package(unittest.TestCase):
    def test_importing_it_changes_nothing_and_needs_nothing(self):
        script = (
            "import os, signal, sys; before = dict(os.environ), signal.getsignal(signal.SIGINT), os.getcwd()\n"
            "import mlip_batch, mlip_batch._native\n"
            "assert before == (dict(os.environ), signal.getsignal(signal.SIGINT), os.getcwd())\n"
            "assert not {'numpy', 'ase', 'pandas', 'polars', 'pymatgen'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_models_are_described(self):
        chgnet = next(model for model in mlip_batch.models() if model.name == "chgnet")
        self.assertTrue(chgnet.built_in)
        self.assertTrue(all(model.about and model.licence for model in mlip_batch.models()))

    def test_runs_over_files_need_no_other_package(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [CIFS / "cod-crystals_Bi.cif", CIFS / "bad_truncated_row.cif"]
            run = mlip_batch.run(paths, model="lennard-jones", out=Path(folder) / "RUN")
            rows = list(run.rows("energies"))
            self.assertEqual([row["status"] == "ok" for row in rows], [True, False])
            self.assertEqual(run.potentials, ["lennard-jones"])
            self.assertIn("energies", run.tables)
            with self.assertRaisesRegex(mlip_batch.UsageError, "RUN.* holds a run"):
                mlip_batch.run(paths, model="lennard-jones", out=Path(folder) / "RUN")
            again = mlip_batch.resume(run)
            self.assertEqual(list(again.rows("energies")), rows)

    def test_a_temporary_run_vanishes_with_its_object(self):
        run = mlip_batch.run(CIFS / "cod-crystals_Bi.cif", model="lennard-jones")
        path = run.path
        self.assertTrue(path.is_dir())
        del run
        self.assertFalse(path.exists())

    def test_errors_are_those_of_the_command_line(self):
        cif = CIFS / "cod-crystals_Bi.cif"
        with self.assertRaisesRegex(mlip_batch.UsageError, "--fmx.*(\n|.)*--fmax"):
            mlip_batch.run(cif, fmx=1)
        with self.assertRaisesRegex(mlip_batch.UsageError, "did you mean chgnet"):
            mlip_batch.run(cif, model="chgnett")
        with self.assertRaisesRegex(mlip_batch.Error, "none of the 1 entries could be read; the first is"):
            mlip_batch.run(CIFS / "bad_truncated_row.cif", model="lennard-jones")
        with self.assertRaisesRegex(mlip_batch.UsageError, "there is no run in"):
            mlip_batch.read("/nonexistent")
        with self.assertRaisesRegex(mlip_batch.UsageError, "there are no structures"):
            mlip_batch.run([])

    def test_what_a_listener_raises_ends_the_run(self):
        class Stop(Exception):
            pass

        def stop(text):
            raise Stop(text)

        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(Stop):
                mlip_batch.run(CIFS, model="lennard-jones", out=Path(folder) / "RUN", progress=stop)
            run = mlip_batch.resume(Path(folder) / "RUN")
            self.assertEqual(run.info["counts"]["pending"], 0)

    def test_ctrl_c_raises_and_the_run_can_go_on(self):
        script = (
            "import mlip_batch, sys\n"
            "try:\n"
            f"    mlip_batch.run({str(CIFS)!r}, model='chgnet', out=sys.argv[1], relax=True, fmax=1e-6)\n"
            "except KeyboardInterrupt:\n"
            "    sys.exit(33)\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "RUN"
            # Background jobs of scripts begin with SIGINT ignored, and Python leaves it so.
            heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
            child = subprocess.Popen([sys.executable, "-c", script, str(out)], preexec_fn=heed)
            journal = out / "journal/0001/rank-00000.journal"
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and not (journal.is_file() and journal.stat().st_size > 0):
                time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.wait(timeout=120), 33)
            self.assertFalse((out / "report").exists())
            with self.assertRaisesRegex(mlip_batch.MissingFormatError, "report"):
                mlip_batch.read(out)

    def test_an_evaluator_is_pickled_by_what_names_it(self):
        one = _native.Evaluator("double:chgnet", [("precision", "f64")], 2)
        other = pickle.loads(pickle.dumps(one))
        for name in ("label", "name", "checkpoint", "digest", "precision", "settings", "threads"):
            self.assertEqual(getattr(one, name), getattr(other, name))
        self.assertEqual((other.label, other.precision, other.threads), ("double", "f64", 2))


if __name__ == "__main__":
    unittest.main()
