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
set(CMAKE_CXX_STANDARD 23)
find_package(ragent REQUIRED)
add_executable(consumer consumer.cc)
target_link_libraries(consumer PRIVATE ragent::core)
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


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command[:2]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


class Install(unittest.TestCase):
    @unittest.skipIf(BUILD.name in ("asan", "tsan"), "a sanitized build is not installed")
    def test_a_project_links_the_core(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "CMakeLists.txt").write_text(PROJECT)
            (root / "consumer.cc").write_text(PROGRAM)
            run("cmake", "--install", str(BUILD), "--prefix", str(root / "prefix"), cwd=root)
            self.assertTrue((root / "prefix" / "include" / "ragent" / "ragent.h").exists())
            run("cmake", "-G", "Ninja", "-B", "out", f"-DCMAKE_PREFIX_PATH={root}/prefix",
                "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld",
                cwd=root)
            run("cmake", "--build", "out", cwd=root)
            self.assertEqual(run("out/consumer", cwd=root), "echo: hello\n")


if __name__ == "__main__":
    unittest.main()
