"""Runs read by pandas, polars, ASE and pymatgen, in every format that they may have."""

import json
import math
import struct
import tempfile
import unittest
from pathlib import Path

import mlip_batch
import numpy as np
import pandas
import polars
from ase import Atoms

CIFS = Path(__file__).resolve().parents[4] / "tests" / "fixtures" / "cifs"
# The names of these come back as they are, not as numbers or nothing.
NAMES = {"0012": "cod-crystals_Bi", "1e5": "aflow_JVASP-66152_BaSnPb", "NaN": "oqmd_oqmd-2032155", "null": "mp_mp-961670"}


def bits(value):
    return struct.pack("<d", value)


class Reads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cifs = Path(cls.folder.name) / "cifs"
        cifs.mkdir()
        for name, source in NAMES.items():
            (cifs / f"{name}.cif").write_bytes((CIFS / f"{source}.cif").read_bytes())
        (cifs / "broken.cif").write_text("nothing\n")
        cls.cifs = cifs
        cls.run_ = mlip_batch.run(cifs, model=["chgnet", "lj:lennard-jones"], precision="f64", out=Path(cls.folder.name) / "RUN")

    def texts(self, name):
        return list(self.run_.rows(name))

    def test_tables_in_pandas_and_polars_are_those_of_the_files_to_the_bit(self):
        for compressed in (False, True):
            self.run_.report(csv_zst=compressed)
            self.assertEqual((self.run_.report_path / "energies.csv").exists(), not compressed)
            for name in ("energies", "forces", "structures", "ensemble", "failures"):
                rows = self.texts(name)
                for engine in ("pandas", "polars"):
                    frame = self.run_.table(name, engine)
                    self.assertIsInstance(frame, pandas.DataFrame if engine == "pandas" else polars.DataFrame)
                    self.assertEqual(len(frame), len(rows), name)
                    for column in frame.columns:
                        for found, row in zip(list(frame[column]), rows):
                            text = row[column]
                            if text == "":
                                self.assertTrue(found is None or found != found, (name, column, found))
                            elif isinstance(found, str):
                                self.assertEqual(found, text)
                            else:
                                self.assertEqual(bits(float(found)), bits(float(text)), (name, column))
        self.run_.report()
        self.assertEqual(set(self.run_.energies["structure_id"]), {*NAMES, "broken"})
        self.assertTrue(set(self.run_.forces["element"]) >= {"Bi"})

    def test_a_lazy_frame_comes_from_parquet_where_that_is(self):
        from_csv = self.run_.scan("energies").collect()
        self.run_.report("parquet")
        self.assertIn("sites", self.run_.tables)
        from_parquet = self.run_.scan("energies").collect()
        self.assertEqual(from_csv["energy_ev"].to_list(), from_parquet["energy_ev"].to_list())
        self.assertEqual(len(self.run_.table("sites")), 8)
        self.assertEqual(len(self.run_.table("sites", "polars")), 8)
        self.run_.report()
        with self.assertRaisesRegex(mlip_batch.MissingFormatError, r'report\("parquet"\).*mlip-batch report .* --format parquet'):
            self.run_.table("sites")

    def test_atoms_and_structures_are_the_same_from_tables_and_formats(self):
        self.run_.report()
        from_tables = {label: list(self.run_.atoms(label)) for label in ("chgnet", "lj")}
        structures = list(self.run_.structures("chgnet"))
        self.run_.report("extxyz,jsonl")
        for label, frames in from_tables.items():
            from_format = list(self.run_.atoms(label))
            self.assertEqual(len(frames), 4)
            for one, other in zip(frames, from_format):
                self.assertIsInstance(one, Atoms)
                self.assertEqual(one.info["structure_id"], other.info["structure_id"])
                self.assertEqual(one.get_chemical_symbols(), other.get_chemical_symbols())
                for a, b in (
                    (one.positions, other.positions),
                    (one.cell.array, other.cell.array),
                    (one.get_forces(), other.get_forces()),
                    (one.get_stress(), other.get_stress()),
                    (one.get_potential_energy(), other.get_potential_energy()),
                ):
                    np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(
            from_tables["chgnet"][0].get_magnetic_moments(), next(self.run_.atoms("chgnet")).get_magnetic_moments()
        )
        for one, other in zip(structures, self.run_.structures("chgnet")):
            self.assertEqual(one.composition, other.composition)
            np.testing.assert_allclose(one.cart_coords, other.cart_coords, atol=1e-12)
            self.assertEqual(one.properties["energy"], other.properties["energy_ev"])
            np.testing.assert_array_equal(one.site_properties["forces"], other.site_properties["forces"])

    def test_a_calculator_gives_what_the_run_gave(self):
        for label, model in (("chgnet", "chgnet"), ("lj", "lennard-jones")):
            calculator = mlip_batch.calculator(model, precision="f64")
            for atoms in self.run_.atoms(label):
                known = atoms.calc
                atoms.calc = calculator
                # Lennard-Jones pushes atoms of real crystals apart with forces of any size.
                scale = max(1, np.abs(known.results["forces"]).max()) if label == "lj" else 1
                self.assertLess(abs(atoms.get_potential_energy() - known.results["energy"]), 1e-12 * scale)
                np.testing.assert_allclose(atoms.get_forces(), known.results["forces"], atol=1e-12 * scale, rtol=0)

    def test_what_is_not_there_is_said(self):
        with self.assertRaisesRegex(mlip_batch.UsageError, "name one of chgnet, lj"):
            self.run_.atoms()
        with self.assertRaisesRegex(mlip_batch.UsageError, "no potential 'mace'; it has chgnet, lj"):
            self.run_.structures("mace")
        with self.assertRaisesRegex(mlip_batch.MissingFormatError, "no table 'nonsense'; it has .*energies"):
            self.run_.table("nonsense")
        with self.assertRaisesRegex(mlip_batch.UsageError, "pandas and polars"):
            self.run_.table("energies", "spark")
        with self.assertRaisesRegex(mlip_batch.MissingFormatError, "no relaxed structures: runs with --relax"):
            self.run_.atoms("lj", relaxed=True)
        with self.assertRaisesRegex(mlip_batch.UsageError, "xyz.*extxyz"):
            self.run_.report("xyz")

    def test_a_run_without_forces_has_structures_once_they_are_written(self):
        run = mlip_batch.run(self.cifs, model="chgnet", forces=False)
        with self.assertRaisesRegex(mlip_batch.MissingFormatError, r'forces were not computed.*report\("extxyz"\)'):
            run.atoms()
        frames = list(run.report("extxyz").atoms())
        self.assertEqual(len(frames), 4)
        self.assertTrue(math.isfinite(frames[0].get_potential_energy()))

    def test_about_a_run(self):
        self.assertEqual(self.run_.potentials, ["chgnet", "lj"])
        self.assertEqual(self.run_.info["counts"]["unreadable"], 1)
        self.assertEqual(self.run_.info, json.loads((self.run_.report_path / "run.json").read_text()))
        self.assertIn("RUN", repr(self.run_))


if __name__ == "__main__":
    unittest.main()
