"""Runs and relaxations over structures in memory."""

import tempfile
import unittest
import warnings
from pathlib import Path

import mlip_batch
import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.constraints import FixAtoms
from pymatgen.core import Lattice, Structure


def crystals():
    salt = bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1)
    salt.rattle(0.1, seed=1)
    skewed = bulk("Si") * (1, 2, 1)
    skewed.rattle(0.05, seed=2)
    skewed.positions += 30
    return [salt, skewed]


def rutile():
    return Structure.from_spacegroup("P4_2/mnm", Lattice.tetragonal(4.6, 2.96), ["Ti4+", "O2-"], [[0, 0, 0], [0.305, 0.305, 0]])


class Runs(unittest.TestCase):
    def test_energies_are_those_of_the_calculator_to_the_bit(self):
        given = crystals()
        run = mlip_batch.run(given, model="chgnet", precision="f64")
        self.assertEqual(list(run.energies["structure_id"]), ["0", "1"])
        calculator = mlip_batch.calculator("chgnet", precision="f64")
        for energy, found, atoms in zip(run.energies["energy_ev"], run.atoms(), given):
            atoms.calc = calculator
            self.assertEqual(energy, atoms.get_potential_energy())
            np.testing.assert_array_equal(found.get_forces(), atoms.get_forces())
            np.testing.assert_array_equal(found.get_stress(), atoms.get_stress())

    def test_pymatgen_structures_and_names(self):
        structure = rutile()
        structure.add_site_property("note", [1] * len(structure))
        run = mlip_batch.run([structure], names=["rutile"], format="jsonl")
        self.assertEqual(list(run.energies["structure_id"]), ["rutile"])
        found = next(run.structures())
        np.testing.assert_array_equal(found.frac_coords, structure.frac_coords)
        np.testing.assert_array_equal(found.lattice.matrix, structure.lattice.matrix)
        with self.assertRaisesRegex(mlip_batch.UsageError, "2 names for 1 structures"):
            mlip_batch.run(structure, names=["a", "b"])

    def test_a_run_of_structures_can_go_on_and_is_not_another(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "RUN"
            given = crystals()
            first = mlip_batch.run(given, out=out)
            again = mlip_batch.run(given, out=out, resume=True)
            self.assertEqual(list(first.rows("energies")), list(again.rows("energies")))
            with self.assertRaisesRegex(mlip_batch.UsageError, "other structures"):
                mlip_batch.run(given[:1], out=out, resume=True)
            with self.assertRaisesRegex(mlip_batch.UsageError, "holds a run"):
                mlip_batch.run(given[:1], out=out)
            self.assertEqual(len(list(mlip_batch.read(out).rows("energies"))), 2)
            with self.assertRaises(mlip_batch.UsageError):
                mlip_batch.run(given, out=Path(folder) / "NOT", fmx=1)
            self.assertFalse((Path(folder) / "NOT").exists())

    def test_what_is_no_crystal_is_refused(self):
        with self.assertRaisesRegex(mlip_batch.UsageError, "not periodic"):
            mlip_batch.run([molecule("H2O")])
        with self.assertRaisesRegex(mlip_batch.UsageError, "paths and structures"):
            mlip_batch.run([bulk("Cu"), "x.cif"])
        with self.assertRaisesRegex(mlip_batch.UsageError, "dict is neither"):
            mlip_batch.run([{}])
        flat = Atoms("Cu", cell=[0, 4, 4], pbc=True)
        run = mlip_batch.run([bulk("Cu"), flat])
        self.assertEqual(list(run.energies["status"]), ["ok", "cell_invalid"])


class Relaxations(unittest.TestCase):
    def test_relaxed_structures_come_in_the_order_and_kind_in_which_they_were_given(self):
        salt, silicon = crystals()
        alone = bulk("Ar", a=60)
        with self.assertWarnsRegex(UserWarning, "1 of 4 structures have no relaxation; the first, number 1: .*neighbor"):
            found = mlip_batch.relax([salt, alone, rutile(), silicon], precision="f64", fmax=0.01)
        self.assertIsNone(found[1])
        self.assertIsInstance(found[2], Structure)
        self.assertTrue(found[2].properties["converged"])
        for before, after in ((salt, found[0]), (silicon, found[3])):
            self.assertIsInstance(after, Atoms)
            self.assertEqual(after.get_chemical_symbols(), before.get_chemical_symbols())
            about = after.info["mlip_batch"]
            self.assertEqual((about["converged"], about["ended"]), (True, "converged"))
            self.assertEqual(about["energy"], after.get_potential_energy())
            known = after.get_potential_energy()
            after.calc = mlip_batch.calculator("chgnet", precision="f64")
            self.assertAlmostEqual(after.get_potential_energy(), known, places=10)
            self.assertLess(np.linalg.norm(after.get_forces(), axis=1).max(), 0.01)
            self.assertGreater(np.abs(after.cell.array - before.cell.array).max(), 1e-3)

    def test_settings_are_those_of_the_program(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (found,) = mlip_batch.relax(crystals()[:1], cell="fixed", max_steps=1, optimizer="bfgs")
        np.testing.assert_array_equal(found.cell.array, crystals()[0].cell.array)
        self.assertEqual(found.info["mlip_batch"]["ended"], "steps")
        self.assertEqual(mlip_batch.relax([]), [])

    def test_constraints_are_refused(self):
        atoms = crystals()[0]
        atoms.set_constraint(FixAtoms([0]))
        with self.assertRaisesRegex(mlip_batch.UsageError, "structure 0 has constraints"):
            mlip_batch.relax([atoms])

    def test_progress_is_said_to_whoever_listens(self):
        said = []
        mlip_batch.relax(crystals(), progress=said.append, fmax=0.001)
        self.assertTrue(any("attempt 1" in line for line in said), said)


if __name__ == "__main__":
    unittest.main()
