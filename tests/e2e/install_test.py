"""`cmake --install` gives other CMake projects find_package(ragent)."""
import os
import pathlib
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("RAGENT_BUILD", "build/dev")).resolve()

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(consumer CXX)
find_package(ragent REQUIRED)
add_executable(core core.cc)
target_link_libraries(core PRIVATE ragent::core)
add_executable(whole whole.cc)
target_link_libraries(whole PRIVATE ragent::ragent)
"""

PROGRAM = """
#include <ragent/ragent.h>
#include <cstdio>

ragent::Task<ragent::Answer> echo(ragent::Run&, ragent::Input input) {
  co_return ragent::Answer{.text = "echo: " + input.text};
}

int main() {
  ragent::EngineOptions options;
  options.home = "home";
  options.planners.push_back({"echo", 1, echo});
  ragent::Engine engine(std::move(options));
  auto answer = engine.run({.profile = {.name = "parrot"}, .planner = "echo"}, "hello");
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
}
"""


# The whole, with the models: it says what the local model would need.
WHOLE = """
#include <ragent/ragent.h>
#include <cstdio>

int main() {
  ragent::Engine engine;
  auto answer = engine.run({.profile = {.name = "parrot"}, .model = "/none.gguf"}, "hello");
  std::puts(answer ? answer->text.c_str() : answer.error().message.c_str());
}
"""


# Without the variable that the runner of the tests sets.
MODEL_OF_THE_AGENT = {name: value for name, value in os.environ.items() if name != "RAGENT_MODEL"}


def run(*command, cwd, environment=None):
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command[:2]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


class Install(unittest.TestCase):
    @unittest.skipIf(BUILD.name in ("asan", "tsan"), "a sanitized build is not installed")
    def test_a_project_links_it_with_any_linker(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "CMakeLists.txt").write_text(PROJECT)
            (root / "core.cc").write_text(PROGRAM)
            (root / "whole.cc").write_text(WHOLE)
            run("cmake", "--install", str(BUILD), "--prefix", str(root / "prefix"), cwd=root)
            self.assertTrue((root / "prefix" / "include" / "ragent" / "ragent.h").exists())
            # Nothing but what the README says: the system's linker is the default.
            run("cmake", "-G", "Ninja", "-B", "out", f"-DCMAKE_PREFIX_PATH={root}/prefix",
                "-DCMAKE_CXX_COMPILER=clang++-19", cwd=root)
            run("cmake", "--build", "out", cwd=root)
            self.assertEqual(run("out/core", cwd=root), "echo: hello\n")
            self.assertIn("/none.gguf", run("out/whole", cwd=root, environment=MODEL_OF_THE_AGENT))


if __name__ == "__main__":
    unittest.main()
