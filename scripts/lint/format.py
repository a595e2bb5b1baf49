"""clang-format: checks every C++ file; with --fix writes it."""
import subprocess

from project import ROOT, cpp_files


def run(*options):
    return subprocess.run(["clang-format-19", *options, *map(str, cpp_files())], cwd=ROOT,
                          capture_output=True, text=True)


def main():
    done = run("--dry-run")
    names = sorted({line.split(":", 1)[0] for line in done.stderr.splitlines()
                    if "[-Wclang-format-violations]" in line})
    for name in names:
        yield f"{name}: not formatted: run `make format`"
    if done.returncode != 0 and not names:
        yield done.stderr[:1000]


def fix():
    run("-i")
