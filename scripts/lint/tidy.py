"""clang-tidy over every unit whose text, or whose project headers' text, changed since it passed."""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess

from project import ROOT, includes, resolve

DATABASE = ROOT / "build" / "lint"


def closure(path, seen):
    """A file and every project file it includes."""
    if path not in seen:
        seen.add(path)
        for _, header in includes(path):
            other = resolve(header)
            if other is not None:
                closure(other, seen)
    return seen


def key(path, command):
    digest = hashlib.sha256(command.encode())
    digest.update((ROOT / ".clang-tidy").read_bytes())
    for other in sorted(closure(path, set())):
        digest.update(str(other).encode())
        digest.update((ROOT / other).read_bytes())
    return digest.hexdigest()


def configure():
    """A compilation database without precompiled headers and compiler launcher."""
    done = subprocess.run(
        ["cmake", "--preset", "dev", "-B", str(DATABASE), "-DRAGENT_PCH=OFF",
         "-DCMAKE_C_COMPILER_LAUNCHER=", "-DCMAKE_CXX_COMPILER_LAUNCHER="],
        cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("tidy: cmake failed:\n" + done.stderr[-2000:])
    return json.loads((DATABASE / "compile_commands.json").read_text())


def tidy(path):
    done = subprocess.run(["clang-tidy-19", "-p", str(DATABASE), "--quiet", str(path)], cwd=ROOT,
                          capture_output=True, text=True)
    # Notes and the summary of suppressed warnings are of no use here.
    findings = re.findall(r"^.*(?:error|warning): .*$", done.stdout, re.MULTILINE)
    if done.returncode != 0 and not findings:
        findings = [f"{path}: clang-tidy failed: {done.stderr[-500:]}"]
    return findings


def main():
    passed = DATABASE / "passed"
    units = []
    for entry in configure():
        path = os.path.relpath(entry["file"], ROOT)
        if path.startswith(".."):
            continue  # third-party
        if path.endswith(".cc") and not path.startswith("build"):
            stamp = passed / key(type(ROOT)(path), entry["command"])
            if not stamp.exists():
                units.append((path, stamp))
    passed.mkdir(parents=True, exist_ok=True)
    if units:
        yield f"note: {len(units)} of the units are new or changed"
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        results = pool.map(tidy, [path for path, _ in units])
        for (path, stamp), findings in zip(units, results):
            for finding in findings:
                if finding not in seen:  # a header is seen by many units
                    seen.add(finding)
                    yield finding.replace(str(ROOT) + "/", "")
            if not findings:
                stamp.touch()
