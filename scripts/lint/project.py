"""What the checks share: the project's files, its includes, and how a finding is said."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def files(*suffixes):
    """Tracked and new files (not ignored ones), as paths relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    paths = sorted({pathlib.Path(name) for name in listing.split("\0") if name})
    return [path for path in paths
            if (not suffixes or path.suffix in suffixes) and (ROOT / path).is_file()]


def cpp_files():
    return files(".h", ".cc")


def includes(path):
    """(line number, header) of each #include of a file."""
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1]


def resolve(header):
    """The project file that a header names, or None."""
    for base in ("include", "src", "tests"):
        path = pathlib.Path(base) / header
        if (ROOT / path).is_file():
            return path
    return None


def table(text, heading):
    """The rows of the first Markdown table after a heading, as lists of cells without backticks."""
    rows, inside = [], False
    for line in text.split(heading, 1)[1].splitlines():
        if line.startswith("|"):
            inside = True
            rows.append([cell.strip().replace("`", "") for cell in line.strip("|\n ").split("|")])
        elif inside:
            break
    return rows[2:]
