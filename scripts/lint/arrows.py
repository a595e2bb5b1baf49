"""Who may include whom: the two tables of ARCHITECTURE.md against every #include."""
from project import ROOT, cpp_files, includes, table

DOCUMENT = "ARCHITECTURE.md"


def allowed_folders():
    """folder → folders it may include, transitively."""
    text = (ROOT / DOCUMENT).read_text()
    direct = {row[0]: set(row[1].replace(",", " ").split()) - {"–"}
              for row in table(text, "## Arrows")}
    closed = {}

    def close(folder):
        if folder not in closed:
            closed[folder] = {folder}
            for other in direct[folder]:
                closed[folder] |= close(other)
        return closed[folder]

    for folder in direct:
        close(folder)
    return closed


def third_party():
    """(header prefix, folders that may include it)."""
    text = (ROOT / DOCUMENT).read_text()
    return [(row[1].split(), row[2].split()) for row in table(text, "## Third-party headers")]


def check_folder(path, header, number, allowed):
    if path.parts[0] == "include":
        if "/" in header and not header.startswith("ragent/"):
            yield f"{path}:{number}: a public header includes <{header}>: only ragent/ and std may"
        return
    if path.parts[0] == "examples":
        if "/" in header and not header.startswith(("ragent/", "sys/")):
            yield f"{path}:{number}: an example includes <{header}>: only ragent/ and the system may"
        return
    if path.parts[0] != "src":
        return
    folder, target = path.parts[1], header.split("/")[0]
    if folder not in allowed:
        yield f"{path}: the folder src/{folder} is not in the arrow table of {DOCUMENT}"
    elif target in allowed and target not in allowed[folder] and not path.stem.endswith("_test"):
        yield (f"{path}:{number}: {folder} → {target} (<{header}>) is no arrow of {DOCUMENT}; "
               f"{folder} may include {', '.join(sorted(allowed[folder] - {folder})) or 'nothing'}")


def check_third_party(path, header, number, rules):
    for prefixes, places in rules:
        if any(header.startswith(prefix) for prefix in prefixes):
            if not any(str(path).startswith(place) for place in places):
                yield f"{path}:{number}: <{header}> belongs in {' or '.join(places)} only"


def main():
    allowed, rules = allowed_folders(), third_party()
    for path in cpp_files():
        for number, header in includes(path):
            yield from check_folder(path, header, number, allowed)
            yield from check_third_party(path, header, number, rules)
