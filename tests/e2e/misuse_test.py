"""Programs that use the typed API against its contract: they must not compile, and the errors must
say what to do in words of Ragent, not of templates."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def compiler():
    cache = Path(os.environ.get("RAGENT_BUILD", "")) / "CMakeCache.txt"
    found = cache.exists() and re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache.read_text(), re.M)
    return found.group(1) if found else "clang++-19"


def errors(code):
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
        file.write("#include <ragent/typed.h>\nusing namespace ragent;\n" + code)
        file.flush()
        command = [compiler(), "-std=c++23", "-fsyntax-only", "-ferror-limit=0", "-Wall", "-Wextra",
                   "-Werror", f"-I{ROOT / 'include'}", file.name]
        done = subprocess.run(command, capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


# What each misuse is told, and the misuse.
WRONG = {
    "a parameter struct has at most 32 fields":
        ("[](P p) { return p.f31; }", "".join(f"int f{i}; " for i in range(33))),
    "a tool's parameter must be a plain struct (":
        ("[](P) { return 1; }", "explicit P(int);"),
    "a tool takes (P), (P, ToolContext&), (ToolContext&) or ()":
        ("[](P a, P b) { return a.x + b.x; }", "int x;"),
    "a tool is one function with plain parameter types":
        ("[](auto x) { return x; }", ""),
    "a typed value is a bool, number, enum":
        ("[](P) { return 1; }", "int* pointer;"),
    "use std::vector<std::uint8_t>":
        ("[](P) { return 1; }", "std::vector<bool> bits;"),
}
RIGHT = [
    ("[](P p) { return p.f31; }", "".join(f"int f{i}; " for i in range(32))),
    ("[](const P& p, ToolContext&) { return p.x; }", "int x;"),
    ("[] {}", ""),
]


def program(cases):
    return "".join(f"namespace n{i} {{ struct P {{ {fields} }};\n"
                   f'Tool made() {{ return tool("t", "", {function}); }} }}\n'
                   for i, (function, fields) in enumerate(cases))


class Misuse(unittest.TestCase):
    def test_what_is_right_compiles(self):
        self.assertEqual(errors(program(RIGHT)), [])

    def test_what_is_wrong_is_told_in_our_words(self):
        found = errors(program(WRONG.values()))
        for text in WRONG:
            with self.subTest(text):
                self.assertTrue(any("ragent: " + text in line for line in found), found)
        self.assertLessEqual(len(found), 3 * len(WRONG), "drowned in other errors")


if __name__ == "__main__":
    unittest.main()
