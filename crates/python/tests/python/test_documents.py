"""The examples of docs/python.md, one after the other in one namespace, as they stand."""

import os
import re
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


class Documents(unittest.TestCase):
    def test_every_example_runs(self):
        text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
        examples = re.findall(r"```python\n(.*?)```", text, re.S)
        self.assertGreater(len(examples), 5)
        names = {}
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(ROOT / "tests" / "fixtures" / "cifs", Path(folder) / "structures")
            before = os.getcwd()
            os.chdir(folder)
            try:
                for number, example in enumerate(examples):
                    with self.subTest(example=example):
                        exec(compile(example, f"docs/python.md, example {number + 1}", "exec"), names)
            finally:
                os.chdir(before)


if __name__ == "__main__":
    unittest.main()
