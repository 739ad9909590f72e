"""Phonons by phonopy: CHGNet's by this program against those by upstream's calculator."""

import importlib.util
import json
import unittest
from pathlib import Path

import mlip_batch
import numpy as np

HERE = Path(__file__).resolve()
# THz, of the largest difference of any branch at any point.
TOLERANCE = 0.01


def script():
    path = HERE.parents[4] / "scripts" / "phonons.py"
    spec = importlib.util.spec_from_file_location("phonons", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Phonons(unittest.TestCase):
    def test_frequencies_are_those_of_upstream(self):
        phonons = script()
        goldens = json.loads((HERE.parent / "phonons.json").read_text(encoding="utf-8"))
        self.assertEqual(set(goldens), set(phonons.crystals()))
        for name, crystal in phonons.crystals().items():
            found = phonons.frequencies(*crystal, mlip_batch.calculator("chgnet"))
            expected = np.array(goldens[name])
            self.assertEqual(found.shape, expected.shape)
            difference = np.abs(found - expected).max()
            print(f"{name}: largest difference {difference:.5f} THz of {expected.max():.2f}")
            self.assertLess(difference, TOLERANCE, name)
            self.assertGreater(expected.max(), 5)


if __name__ == "__main__":
    unittest.main()
