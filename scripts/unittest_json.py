"""Runs one unittest file and writes its cases as JSON: unittest_json.py FILE OUT

Each case is [name, passed | failed | skipped, text]; what the tests print stays on stdout.
"""
import importlib.util
import json
import pathlib
import sys
import unittest


class Recorder(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.cases = []

    def record(self, test, state, text=""):
        name = test.id().split(".", 1)[-1]
        self.cases.append([name, state, text])
        print(f"{state:8} {name} {text}", flush=True)

    def addSuccess(self, test):
        self.record(test, "passed")

    def addFailure(self, test, err):
        self.record(test, "failed", self._exc_info_to_string(err, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.record(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.record(subtest, "failed", self._exc_info_to_string(err, test))


def main():
    path, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    recorder = Recorder()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(recorder)
    part = out.with_suffix(".part")
    part.write_text(json.dumps(recorder.cases))
    part.replace(out)


if __name__ == "__main__":
    main()
