"""The documents say what is so: programs compile, targets, commands and links exist."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import case
from case import ROOT

DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def without_banner(source):
    """An example's text after its leading comment."""
    lines = source.splitlines(keepends=True)
    while lines and (lines[0].startswith("//") or not lines[0].strip()):
        lines.pop(0)
    return "".join(lines)


class Docs(unittest.TestCase):
    def test_the_readme_program_is_the_first_example(self):
        example = (ROOT / "examples" / "01_hello.cc").read_text()
        self.assertEqual(blocks(ROOT / "README.md", "cpp")[0], without_banner(example))

    def test_every_cpp_block_compiles(self):
        count = 0
        for path in DOCUMENTS:
            for block in blocks(path, "cpp"):
                with self.subTest(document=path.name, block=block.splitlines()[0]):
                    if "#include" not in block:  # the body of a planner
                        block = ("#include <ragent/ragent.h>\nusing namespace ragent;\n"
                                 f"Task<Answer> planner(Run& run, Input input) {{\n{block}}}\n")
                    self.assertEqual(compile_errors(block), "")
                    count += 1
        self.assertGreaterEqual(count, 2)

    def test_examples_are_short(self):
        examples = sorted((ROOT / "examples").glob("*.cc"))
        self.assertGreaterEqual(len(examples), 8)
        for path in examples:
            self.assertLessEqual(len(path.read_text().splitlines()), 40, path.name)

    def test_make_targets_exist(self):
        targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
        for path in DOCUMENTS:
            for name in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE):
                self.assertIn(name, targets, f"{path.name} names make {name}")

    def test_ragent_commands_exist(self):
        shown = subprocess.run([os.environ["RAGENT_BIN"], "--help"], capture_output=True, text=True)
        self.assertEqual(shown.returncode, 0)
        for path in DOCUMENTS:
            for name in re.findall(r"(?:^|`)ragent ([a-z]+)\b", path.read_text(), re.MULTILINE):
                self.assertRegex(shown.stdout, rf"(?m)^\s+{name}\b", f"{path.name}: ragent {name}")

    def test_the_commands_of_the_chat_guide_run(self):
        """In the order of the guide, in one folder; nobody types, so a chat ends at once."""
        ragent = pathlib.Path(os.environ["RAGENT_BIN"]).resolve()
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "script.jsonl"
            script.write_text('{"user": ""}\n{"answer": "Yes, two soups."}\n')
            environment = case.environment(RAGENT_MODEL=f"scripted:{script}",
                                           PATH=f"{ragent.parent}:{os.environ['PATH']}")
            shown = blocks(ROOT / "docs" / "guide" / "chat.md", "sh")
            self.assertGreaterEqual(len(shown), 4)
            for block in shown:
                done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block], cwd=folder,
                                      env=environment, stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, block + done.stderr)
                if "|" in block:
                    self.assertEqual(done.stdout.count("Yes, two soups."), 3, done.stdout)

    def test_links_lead_somewhere(self):
        for path in DOCUMENTS:
            prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
            for target in re.findall(r"\]\(([^)#:]+)\)", prose):
                self.assertTrue((path.parent / target).exists(), f"{path.name} links to {target}")

    def test_files_that_the_documents_name_exist(self):
        pattern = re.compile(r"`((?:src|include|scripts|tests|docs|cmake|third_party)/[\w./-]+)`")
        for path in DOCUMENTS:
            for name in pattern.findall(path.read_text()):
                self.assertTrue((ROOT / name).exists(), f"{path.name} names {name}")


def compile_errors(source):
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as unit:
        unit.write(source)
        unit.flush()
        return subprocess.run(
            ["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
             f"-I{ROOT}/include", unit.name], capture_output=True, text=True).stderr


if __name__ == "__main__":
    unittest.main()
