"""The thirty travel questions of tests/travel, asked of the local models, whose prompts and
biases are not tuned on them."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = ROOT / "tests" / "travel" / "questions.json"
MODELS = pathlib.Path(os.environ["RAGENT_CACHE"]) / "models"


def ask_all(model, minimum, *checks):
    """Asks each question in a fresh session; the checker's exit code and words."""
    with tempfile.TemporaryDirectory() as folder:
        agent = pathlib.Path(folder) / "travel"
        shutil.copytree(ROOT / "agents" / "travel", agent, ignore=shutil.ignore_patterns("ledger*"))
        runs = pathlib.Path(folder) / "runs"
        runs.mkdir()
        for case in json.loads(CASES.read_text())["cases"]:
            done = subprocess.run(
                [os.environ["RAGENT_BIN"], "run", agent, case["question"], "--json", "--yes",
                 "--model", model, "--home", f"{folder}/home"], capture_output=True, text=True)
            (runs / f"{case['id']}.jsonl").write_text(done.stdout)
        checked = subprocess.run(
            [sys.executable, ROOT / "tests" / "travel" / "check.py", CASES, runs, "--min",
             str(minimum), *checks], capture_output=True, text=True)
        return checked.returncode, checked.stdout + checked.stderr


class Questions(unittest.TestCase):
    @unittest.skipUnless((MODELS / "qwen25-coder-1.5b.gguf").exists(),
                         "the default model is not here: scripts/setup --models default")
    def test_the_default_model_answers_twenty_four(self):
        code, words = ask_all("local/default", 24)
        self.assertEqual(code, 0, words)

    @unittest.skipUnless((MODELS / "qwen25-coder-0.5b.gguf").exists(),
                         "the small model is not here: scripts/setup --models small")
    def test_the_small_model_answers_eighteen(self):
        code, words = ask_all("local/small", 18)
        self.assertEqual(code, 0, words)

    def test_a_scripted_model_answers_all(self):
        script = f"scripted:{ROOT / 'tests' / 'travel' / 'scripted.jsonl'}"
        code, words = ask_all(script, 30, "--today", "2026-11-25")
        self.assertEqual(code, 0, words)


if __name__ == "__main__":
    unittest.main()
