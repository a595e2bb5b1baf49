"""The form of files: size, width, names, banners, and no path of somebody's machine."""
import re

from project import ROOT, cpp_files, files

LINES_WARN, LINES_MAX, PUBLIC_HEADER_LINES = 600, 700, 260
TEXT = {".h", ".cc", ".py", ".sh", ".toml", ".cmake", ".json", ".txt", ".md", ".case", ".yml", ""}
COLUMNS = {".h": 100, ".cc": 100, ".py": 120, ".sh": 120, ".cmake": 120}
HOME = re.compile(r"(?<![\w.{}$])/(root|home/\w+|work|Users)/[\w.]")
TODO = re.compile(r"\bTODO\b(?!\((soon|someday|perf|security)\): )")


def check_text(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS.get(path.suffix, len(line)):
            yield f"{path}:{number}: {len(line)} columns, at most {COLUMNS[path.suffix]}"
        if HOME.search(line):
            yield f"{path}:{number}: an absolute path of one machine"
        if path.suffix in (".h", ".cc") and TODO.search(line):
            yield f"{path}:{number}: write TODO(soon|someday|perf|security): …"


def check_cpp(path, lines):
    if not re.fullmatch(r"[a-z0-9_]+", path.stem):
        yield f"{path}: file names are snake_case"
    if len(lines) > LINES_MAX:
        yield f"{path}: {len(lines)} lines, at most {LINES_MAX}: split it by what changes together"
    elif len(lines) > LINES_WARN:
        yield f"warning: {path}: {len(lines)} lines, about {LINES_WARN} are a good size"
    if path.suffix == ".h":
        if not lines or not lines[0].startswith("//"):
            yield f"{path}: a header opens with a comment: what it is, who owns it, which thread"
        if "#pragma once" not in lines:
            yield f"{path}: no #pragma once"
        if path.parts[:2] == ("include", "ragent") and len(lines) > PUBLIC_HEADER_LINES:
            yield f"{path}: {len(lines)} lines; a public header has about 200"
    if path.stem.endswith("_test") and path.parts[0] == "src":
        folder = ROOT / path.parent
        subject = path.stem.removesuffix("_test")
        if not any(folder.glob(f"{subject}*.cc")) and not any(folder.glob(f"{subject}*.h")):
            yield f"{path}: a test stands beside what it tests ({subject}.cc or .h)"


def main():
    cpp = set(cpp_files())
    for path in files():
        if path.suffix not in TEXT:
            continue
        try:
            lines = (ROOT / path).read_text().splitlines()
        except UnicodeDecodeError:
            continue  # bytes on purpose: inputs of tests and corpora
        yield from check_text(path, lines)
        if path in cpp:
            yield from check_cpp(path, lines)
