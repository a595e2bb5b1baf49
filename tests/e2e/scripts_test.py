"""The project's own scripts: what they refuse, and that the checks have teeth."""
import io
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "scripts" / "lint")]


def load(path):
    loader = importlib.machinery.SourceFileLoader(path.stem, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.stem, loader))
    loader.exec_module(module)
    return module


fetch = load(ROOT / "scripts" / "fetch.py")
run_tests = load(ROOT / "scripts" / "run_tests")
demo_svg = load(ROOT / "scripts" / "demo_svg.py")


class Fetching(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.cache = pathlib.Path(self.folder.name)
        for name in ("dl", "models", "parts"):
            (self.cache / name).mkdir()

    def lock(self, text):
        path = self.cache / "lock"
        path.write_text(text)
        return fetch.Lock(path)

    def test_the_lock_is_whole(self):
        lock = fetch.Lock(ROOT / "third_party" / "lock")
        self.assertEqual({row["set"] for row in lock.models}, {"tiny", "small", "default", "embed"})
        for row in lock.archives.values():
            self.assertRegex(row["sha256"], "^[0-9a-f]{64}$")
        for row in lock.unpacks + lock.clones:
            self.assertIn(row["file"], lock.archives)

    def test_a_broken_row_is_named(self):
        with self.assertRaisesRegex(fetch.SetupError, r"lock:2: .*unknown row 'fetsh'"):
            self.lock("# comment\nfetsh src npm\n")

    def test_another_file_than_the_locks_is_refused_and_not_kept(self):
        lock = self.lock("fetch src wheel thing==1 thing.whl " + "0" * 64 + " 5\n")
        setup = fetch.Setup(self.cache, lock, [], with_llama=False)

        def pretend(command, what, cwd, env):
            (cwd / "thing.whl").write_bytes(b"other")

        with mock.patch.object(fetch, "run", pretend):
            with self.assertRaises(fetch.SetupError) as raised:
                setup.fetch_one(lock.archives["thing.whl"], self.cache / "parts")
        message = str(raised.exception)
        self.assertIn("thing==1", message)
        self.assertIn("expected sha256 " + "0" * 64, message)
        self.assertRegex(message, "got      sha256 [1-9a-f]")
        self.assertEqual(list((self.cache / "dl").iterdir()), [])

    def test_a_changed_file_is_read_again(self):
        path = self.cache / "models" / "m"
        sums = fetch.Sums(self.cache)
        path.write_bytes(b"one")
        first = sums.of(path)
        path.write_bytes(b"twos")
        self.assertNotEqual(first, fetch.Sums(self.cache).of(path))
        self.assertIsNone(sums.of(self.cache / "absent"))

    def test_an_unknown_model_set_is_refused(self):
        done = subprocess.run([sys.executable, str(ROOT / "scripts/fetch.py"), "--cache",
                               str(self.cache), "--models", "huge"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--models huge: expected some of default, embed, small, tiny", done.stderr)

    def test_progress_prints_plain_lines_where_there_is_no_terminal(self):
        stream = io.StringIO()
        progress = fetch.Progress("setup", stream)
        progress.add("bytes", 100, 10)
        progress.say("fetching")
        progress.at("bytes", 50, 1)
        self.assertEqual(stream.getvalue(), "setup: fetching\n")
        self.assertEqual(progress.seconds(), (10, 5))


class Counting(unittest.TestCase):
    def read(self, log, code, xml=None):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            path = pathlib.Path(folder) / "log"
            path.write_text(log)
            if xml:
                out.write_text(xml)
            suite = run_tests.Suite("s", ["s"], run_tests.read_gtest)
            suite.read(suite, code, path, out)
            return suite

    def test_a_crash_fails_the_test_that_ran(self):
        suite = self.read("[ RUN      ] A.b\n[       OK ] A.b (0 ms)\n[ RUN      ] A.c\n", -11)
        self.assertEqual(suite.cases[0], ("A.b", "passed", ""))
        self.assertEqual(suite.cases[1][:2], ("A.c", "failed"))
        self.assertIn("SIGSEGV", suite.cases[1][2])

    def test_an_error_after_the_last_test_counts(self):
        xml = ('<testsuites><testsuite><testcase name="b" classname="A" status="run"/>'
               "</testsuite></testsuites>")
        suite = self.read("leak", 23, xml)
        self.assertEqual((suite.count("passed"), suite.count("failed")), (1, 1))

    def test_a_skip_has_its_reason(self):
        xml = ('<testsuites><testsuite><testcase name="b" classname="A" status="run">'
               '<skipped message="a_test.cc:3&#x0A;no small model here"/></testcase>'
               "</testsuite></testsuites>")
        self.assertEqual(self.read("", 0, xml).cases, [("A.b", "skipped", "no small model here")])

    def test_python_cases_are_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            test = pathlib.Path(folder) / "x_test.py"
            # A sample, no test of this project: its skip must be counted.
            test.write_text("import unittest\nclass T(unittest.TestCase):\n"
                            "  def test_a(self): pass\n  def test_b(self): self.fail('why')\n"
                            "  @unittest.skip('not here')\n  def test_c(self): pass\n")
            out = pathlib.Path(folder) / "out"
            subprocess.run([sys.executable, str(ROOT / "scripts/unittest_json.py"), str(test),
                            str(out)], check=True, capture_output=True)
            cases = json.loads(out.read_text())
        self.assertEqual([case[1] for case in cases], ["passed", "failed", "skipped"])
        self.assertEqual(cases[2][2], "not here")


class Lint(unittest.TestCase):
    """Each check is given a tree with the fault it is for."""

    def findings(self, check, name, text):
        import project
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text(text)
            (root / "ARCHITECTURE.md").write_text((ROOT / "ARCHITECTURE.md").read_text())
            module = load(ROOT / "scripts" / "lint" / (check + ".py"))
            paths = [pathlib.Path(name)]
            with mock.patch.object(project, "ROOT", root), mock.patch.object(module, "ROOT", root), \
                    mock.patch.object(module, "cpp_files", lambda: paths), \
                    mock.patch.object(module, "files", lambda *_: paths, create=True):
                return "\n".join(module.main())

    def test_an_arrow_that_is_not_allowed(self):
        self.assertIn("base → store", self.findings(
            "arrows", "src/base/x.cc", "#include <store/store.h>\n"))
        self.assertIn("planning → runtime", self.findings(
            "arrows", "src/planning/x.cc", "#include <runtime/branch.h>\n"))
        self.assertEqual("", self.findings(
            "arrows", "src/runtime/x.cc", "#include <base/loop.h>\n"))

    def test_a_third_party_header_elsewhere(self):
        self.assertIn("belongs in src/profile only", self.findings(
            "arrows", "src/store/x.cc", "#include <toml++/toml.hpp>\n"))
        self.assertIn("public header includes", self.findings(
            "arrows", "include/ragent/x.h", "#include <fmt/core.h>\n"))

    def test_form(self):
        self.assertIn("columns", self.findings("form", "src/base/x.cc", "/" * 101))
        self.assertIn("at most 700", self.findings("form", "src/base/x.cc", "\n" * 701))
        self.assertIn("opens with a comment", self.findings("form", "src/base/x.h", "#pragma once"))
        self.assertIn("absolute path", self.findings("form", "src/base/x.cc", "/ho" "me/me/x"))
        self.assertIn("snake_case", self.findings("form", "src/base/BigName.cc", ""))


class Picture(unittest.TestCase):
    def test_it_draws_what_a_terminal_shows(self):
        screen = demo_svg.Screen()
        screen.feed("\x1b[32mok\x1b[0m 10 %\r\x1b[Kdone <1>\n")
        self.assertEqual(["".join(char for char, _ in row)
                          for row in demo_svg.folded(screen.lines)], ["done <1>"])
        self.assertIn("done &lt;1&gt;", demo_svg.draw(demo_svg.folded(screen.lines), "t"))


if __name__ == "__main__":
    unittest.main()
