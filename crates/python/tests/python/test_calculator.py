"""Calculators, as ASE uses them."""

import copy
import pickle
import threading
import time
import unittest

import mlip_batch
import numpy as np
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import (
    CalculationFailed,
    PropertyNotImplementedError,
    all_changes,
)
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS


def salt(**calculator):
    atoms = bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + [[0.01, 0.02, 0], [0, -0.01, 0], [0.015, 0, 0.02]]), scale_atoms=True)
    atoms.calc = mlip_batch.calculator(**calculator)
    return atoms


class Numbers(unittest.TestCase):
    def test_forces_and_stress_are_derivatives_of_the_energy(self):
        for model in ("chgnet", "lennard-jones"):
            atoms = salt(model=model, precision="f64")
            np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=2e-5)
            stress = calculate_numerical_stress(atoms, eps=1e-5)
            np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-6)
            self.assertGreater(np.abs(stress).min(), 1e-5)

    def test_results_have_the_shapes_and_names_that_ase_knows(self):
        atoms = salt()
        self.assertEqual(atoms.get_forces().shape, (4, 3))
        self.assertEqual(atoms.get_stress().shape, (6,))
        self.assertEqual(atoms.get_magnetic_moments().shape, (4,))
        self.assertAlmostEqual(atoms.get_magnetic_moment(), atoms.get_magnetic_moments().sum(), places=12)
        self.assertEqual(atoms.get_potential_energy(force_consistent=True), atoms.get_potential_energy())
        self.assertEqual(atoms.get_stress(voigt=False)[1, 2], atoms.get_stress()[3])
        atoms.get_forces()[:] = 0
        self.assertGreater(np.abs(atoms.get_forces()).max(), 0.1)

    def test_potentials_without_moments_say_so(self):
        atoms = salt(model="lennard-jones")
        self.assertNotIn("magmoms", atoms.calc.implemented_properties)
        with self.assertRaises(PropertyNotImplementedError):
            atoms.get_magnetic_moments()
        with self.assertRaises(PropertyNotImplementedError):
            atoms.calc.get_property("charges", atoms)

    def test_threads_change_nothing_and_precision_does(self):
        energies = [salt(threads=threads).get_potential_energy() for threads in (1, 3)]
        self.assertEqual(energies[0], energies[1])
        double = salt(precision="f64").get_potential_energy()
        self.assertNotEqual(energies[0], double)
        self.assertAlmostEqual(energies[0], double, places=4)
        self.assertAlmostEqual(salt(precision="f64", engine="candle").get_potential_energy(), double, places=9)

    def test_energies_alone_are_the_same(self):
        atoms = salt(forces=False)
        self.assertAlmostEqual(atoms.get_potential_energy(), salt().get_potential_energy(), places=5)
        self.assertNotIn("forces", atoms.calc.implemented_properties)
        with self.assertRaises(PropertyNotImplementedError):
            atoms.get_forces()


class Manners(unittest.TestCase):
    def test_what_did_not_change_is_not_computed_again(self):
        atoms = salt()
        calls = []
        calculate = atoms.calc.calculate
        atoms.calc.calculate = lambda *args, **kwargs: (calls.append(args), calculate(*args, **kwargs))
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        self.assertEqual(len(calls), 1)
        atoms.set_initial_magnetic_moments([1, 0, 0, 1])
        atoms.set_initial_charges([1, 0, 0, -1])
        atoms.get_forces()
        self.assertEqual(len(calls), 1)
        for number, change in enumerate(
            [
                lambda: atoms.positions.__setitem__((0, 0), atoms.positions[0, 0] + 1e-6),
                lambda: atoms.set_cell(atoms.cell.array * 1.001, scale_atoms=True),
                lambda: atoms.numbers.__setitem__(0, 19),
            ]
        ):
            before = atoms.get_potential_energy()
            change()
            self.assertNotEqual(atoms.get_potential_energy(), before)
            self.assertEqual(len(calls), 2 + number)

    def test_calculate_may_be_called_by_itself(self):
        atoms = salt()
        calculator = atoms.calc
        atoms.calc = None
        calculator.calculate(atoms, ["energy", "forces"], all_changes)
        self.assertEqual(set(calculator.results), set(calculator.implemented_properties))
        calculator.calculate(atoms)
        self.assertIs(type(calculator.results["energy"]), float)

    def test_results_of_atoms_that_failed_are_not_those_of_others(self):
        atoms = salt()
        atoms.get_potential_energy()
        other = bulk("Ar", a=60)
        with self.assertRaisesRegex(CalculationFailed, "atom 0 has no neighbor"):
            atoms.calc.get_potential_energy(other)
        with self.assertRaises(CalculationFailed):
            atoms.calc.get_potential_energy(other)
        self.assertEqual(atoms.calc.results, {})

    def test_copies_share_weights_and_pickles_load_them(self):
        atoms = salt(precision="f64")
        energy = atoms.get_potential_energy()
        for calculator in (copy.deepcopy(atoms.calc), copy.copy(atoms.calc), pickle.loads(pickle.dumps(atoms.calc))):
            other = atoms.copy()
            other.calc = calculator
            other.rattle(0.01)
            self.assertNotEqual(other.get_potential_energy(), energy)
            other.positions = atoms.positions
            self.assertEqual(other.get_potential_energy(), energy)
            self.assertEqual(calculator.parameters, atoms.calc.parameters)

    def test_parameters_can_be_changed(self):
        atoms = salt()
        single = atoms.get_potential_energy()
        self.assertEqual(atoms.calc.set(precision="f64"), {"precision": "f64"})
        self.assertEqual((atoms.calc.results, atoms.calc.set(precision="f64")), ({}, {}))
        self.assertNotEqual(atoms.get_potential_energy(), single)
        with self.assertRaises(mlip_batch.UsageError):
            atoms.calc.set(model="nonsense")
        self.assertEqual(atoms.calc.parameters["model"], "chgnet")
        self.assertEqual(atoms.calc.todict()["precision"], "f64")

    def test_other_threads_run_meanwhile(self):
        atoms = salt(engine="candle") * (3, 3, 3)
        atoms.calc = mlip_batch.calculator("chgnet", engine="candle")
        ticks, done = [], threading.Event()

        def tick():
            while not done.wait(0.005):
                ticks.append(time.monotonic())

        ticker = threading.Thread(target=tick)
        ticker.start()
        begin = time.monotonic()
        atoms.get_potential_energy()
        end = time.monotonic()
        done.set()
        ticker.join()
        self.assertGreater(end - begin, 0.1)
        self.assertGreater(sum(begin < moment < end for moment in ticks), (end - begin) / 0.005 / 10)

    def test_several_threads_may_share_one(self):
        atoms = salt(precision="f64")
        energy = atoms.get_potential_energy()
        found = []

        def compute():
            own = atoms.copy()
            own.calc = copy.deepcopy(atoms.calc)
            found.append(own.get_potential_energy())

        threads = [threading.Thread(target=compute) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(found, [energy] * 4)


class Errors(unittest.TestCase):
    def refused(self, atoms, text, error=mlip_batch.UsageError, **calculator):
        atoms.calc = mlip_batch.calculator(**{"model": "lennard-jones", **calculator})
        with self.assertRaisesRegex(error, text) as caught:
            atoms.get_potential_energy()
        return caught.exception

    def test_what_cannot_be_loaded_is_said_with_the_remedy(self):
        for model, text in (
            ("chgnett", "did you mean chgnet"),
            ("mace=/nonexistent.model", "nonexistent.model"),
            ("chgnet,precision=f16", "f32 or f64"),
        ):
            with self.assertRaisesRegex(mlip_batch.UsageError, text):
                mlip_batch.calculator(model)
        with self.assertRaisesRegex(mlip_batch.UsageError, "no option `task`"):
            mlip_batch.calculator("chgnet", task="omat")
        with self.assertRaisesRegex(mlip_batch.UsageError, "twice"):
            mlip_batch.calculator("chgnet,precision=f64", precision="f32")
        with self.assertRaisesRegex(mlip_batch.UsageError, "threads=1"):
            mlip_batch.calculator("chgnet", threads=0)

    def test_atoms_that_are_no_crystal_are_refused(self):
        self.refused(molecule("H2O"), "not periodic along a, b, c.*pbc = True")
        slab = bulk("Cu", cubic=True)
        slab.pbc = [True, True, False]
        self.refused(slab, "not periodic along c")
        self.refused(Atoms("Cu", pbc=True), "cell length a is 0")
        self.refused(Atoms(pbc=True, cell=[4, 4, 4]), "no atoms")
        self.refused(Atoms("X", pbc=True, cell=[4, 4, 4]), "atom 0 has the atomic number 0")
        self.refused(Atoms("Cu", positions=[[np.nan, 0, 0]], pbc=True, cell=[4, 4, 4]), "not a finite number")

    def test_failures_have_their_class(self):
        error = self.refused(bulk("Ar", a=60), "no neighbor within", CalculationFailed, model="chgnet")
        self.assertIsInstance(error, mlip_batch.EvaluationError)
        self.assertEqual(error.kind, "isolated_atom")
        other = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(other), other.kind), (str(error), error.kind))

    def test_an_evaluation_can_be_given_up(self):
        atoms = salt() * (3, 3, 3)
        error = self.refused(atoms, "not finished within", CalculationFailed, model="chgnet", timeout=0.001)
        self.assertEqual(error.kind, "timeout")

    def test_charges_that_are_no_numbers_are_refused(self):
        atoms = bulk("Cu")
        atoms.info["charge"] = 0.5
        self.refused(atoms, "charge.*whole number")


class Tools(unittest.TestCase):
    def test_relaxations_and_dynamics_of_ase(self):
        atoms = salt()
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=60)
        self.assertLess(np.linalg.norm(atoms.get_forces(), axis=1).max(), 0.02)
        atoms.rattle(0.05, seed=3)
        begin = atoms.get_total_energy()
        VelocityVerlet(atoms, 1 * units.fs).run(50)
        self.assertGreater(atoms.get_kinetic_energy(), 1e-3)
        self.assertAlmostEqual(atoms.get_total_energy(), begin, delta=2e-3)


if __name__ == "__main__":
    unittest.main()
