"""Public headers compile alone, without a warning, and ragent.h quickly."""
import concurrent.futures
import os
import resource
import subprocess
import tempfile

from project import ROOT, files

UMBRELLA = "include/ragent/ragent.h"
UMBRELLA_SECONDS = 2.0  # of one processor, at -O0


def compile_alone(header):
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as unit:
        unit.write(f"#include <{header.relative_to('include')}>\n")
        unit.flush()
        command = ["clang++-19", "-std=c++23", "-O0", "-Wall", "-Wextra", "-Werror", "-pedantic",
                   "-Iinclude", "-c", unit.name, "-o", os.devnull]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    headers = [path for path in files(".h") if path.parts[0] == "include"]
    umbrella = next(path for path in headers if str(path) == UMBRELLA)
    times = []
    for _ in range(3):
        before = cpu_seconds()
        compile_alone(umbrella)
        times.append(cpu_seconds() - before)
    if min(times) > UMBRELLA_SECONDS:
        yield (f"{UMBRELLA}: {min(times):.2f} s to include, at most {UMBRELLA_SECONDS:g}: "
               "clang++-19 -ftime-trace shows which header costs it")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, done in zip(headers, pool.map(compile_alone, headers)):
            if done.returncode != 0:
                yield f"{header} does not compile alone:\n{done.stderr[:2000]}"
