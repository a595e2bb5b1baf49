#!/usr/bin/env python3
"""Draws a program's terminal output as one self-contained SVG.

    scripts/demo_svg.py docs/demo.svg -- scripts/demo     # runs it in a pseudo-terminal
    scripts/demo_svg.py docs/demo.svg < saved_output      # or draws what was saved

Understands what a terminal shows: colours, bold, dim, carriage returns, cleared lines. Nothing is
drawn that the program did not print; left-out rows are marked.
"""
import argparse
import html
import os
import pty
import re
import sys

COLUMNS = 100
CHAR_WIDTH, LINE_HEIGHT, MARGIN, TITLE = 8.43, 19, 16, 34
BACKGROUND, FOREGROUND = "#11151c", "#d7dce4"
PALETTE = ["#3b4252", "#e06c75", "#8fc379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dce4",
           "#6b7483", "#ff8b94", "#a9dc8f", "#ffd98a", "#84c5ff", "#dd9bf0", "#7ed3dd", "#ffffff"]
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07]*\x07|(\r)|(\n)|(\x08)|([^\x1b])|\x1b")


class Screen:
    """Lines of (character, style); style is (colour, bold, dim)."""

    def __init__(self):
        self.lines = [[]]
        self.column = 0
        self.row = 0
        self.style = (FOREGROUND, False, False)

    def feed(self, text):
        for match in TOKEN.finditer(text):
            arguments, final, cr, lf, back, char = match.groups()
            if final:
                self.control(arguments, final)
            elif cr:
                self.column = 0
            elif lf:
                self.row += 1
                self.column = 0
                if self.row == len(self.lines):
                    self.lines.append([])
            elif back:
                self.column = max(0, self.column - 1)
            elif char and char >= " ":
                self.put(char)

    def put(self, char):
        line = self.lines[self.row]
        line.extend([(" ", self.style)] * (self.column - len(line)))
        line[self.column:self.column + 1] = [(char, self.style)]
        self.column += 1

    def control(self, arguments, final):
        count = int(arguments) if arguments.isdigit() else None
        line = self.lines[self.row]
        if final == "m":
            self.colour([int(part or 0) for part in arguments.split(";")])
        elif final == "K":
            del line[0 if count == 2 else self.column:]
        elif final == "A":
            self.row = max(0, self.row - (count or 1))
        elif final == "B":
            self.row = min(len(self.lines) - 1, self.row + (count or 1))
        elif final == "G":
            self.column = (count or 1) - 1
        elif final == "J":
            del self.lines[self.row + 1:]
            del line[self.column:]

    def colour(self, codes):
        colour, bold, dim = self.style
        while codes:
            code = codes.pop(0)
            if code == 0:
                colour, bold, dim = FOREGROUND, False, False
            elif code == 1:
                bold = True
            elif code == 2:
                dim = True
            elif code == 22:
                bold = dim = False
            elif 30 <= code <= 37:
                colour = PALETTE[code - 30]
            elif 90 <= code <= 97:
                colour = PALETTE[code - 82]
            elif code == 39:
                colour = FOREGROUND
            elif code == 38 and len(codes) >= 2 and codes[0] == 5:
                colour = indexed(codes[1])
                del codes[:2]
            elif code == 38 and len(codes) >= 4 and codes[0] == 2:
                colour = "#%02x%02x%02x" % tuple(codes[1:4])
                del codes[:4]
        self.style = (colour, bold, dim)


def indexed(code):
    if code < 16:
        return PALETTE[code]
    if code >= 232:
        return "#" + f"{8 + 10 * (code - 232):02x}" * 3
    code -= 16
    return "#%02x%02x%02x" % tuple(0 if part == 0 else 55 + 40 * part
                                   for part in (code // 36, code // 6 % 6, code % 6))


def folded(lines):
    """Lines at most COLUMNS wide; no empty ones at the end."""
    rows = []
    for line in lines:
        rows += [line[at:at + COLUMNS] for at in range(0, max(1, len(line)), COLUMNS)]
    while rows and not "".join(char for char, _ in rows[-1]).strip():
        rows.pop()
    return rows


def spans(row):
    """Runs of one style: (column, text, style)."""
    at = 0
    while at < len(row):
        end = at
        while end < len(row) and row[end][1] == row[at][1]:
            end += 1
        text = "".join(char for char, _ in row[at:end])
        if text.strip():
            yield at, text, row[at][1]
        at = end


def draw(rows, title):
    width = MARGIN * 2 + COLUMNS * CHAR_WIDTH
    height = TITLE + MARGIN + len(rows) * LINE_HEIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
           f'width="{width:.0f}" height="{height}" role="img" aria-label="{html.escape(title)}">',
           f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>']
    for index, colour in enumerate(("#e06c75", "#e5c07b", "#8fc379")):
        out.append(f'<circle cx="{MARGIN + 6 + index * 18}" cy="17" r="5.5" fill="{colour}"/>')
    out.append('<g font-family="ui-monospace,SFMono-Regular,Menlo,DejaVu Sans Mono,monospace" '
               f'font-size="14" fill="{FOREGROUND}" xml:space="preserve">')
    out.append(f'<text x="{width / 2:.0f}" y="22" text-anchor="middle" opacity=".6">'
               f'{html.escape(title)}</text>')
    for number, row in enumerate(rows):
        y = TITLE + MARGIN // 2 + (number + 1) * LINE_HEIGHT - 5
        for column, text, (colour, bold, dim) in spans(row):
            style = f' fill="{colour}"' if colour != FOREGROUND else ""
            style += ' font-weight="bold"' if bold else ""
            style += ' opacity=".6"' if dim else ""
            x = MARGIN + column * CHAR_WIDTH
            length = f' textLength="{len(text) * CHAR_WIDTH:.1f}"'
            out.append(f'<text x="{x:.1f}" y="{y}"{length}{style}>{html.escape(text)}</text>')
    return "\n".join(out + ["</g>", "</svg>", ""])


def run(command):
    """What the command prints in a terminal of COLUMNS columns; it is shown meanwhile."""
    chunks = []

    def read(fd):
        data = os.read(fd, 65536)
        chunks.append(data)
        return data

    os.environ |= {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    sized = ["sh", "-c", f'stty cols {COLUMNS}; exec "$@"', "sh", *command]
    status = pty.spawn(sized, read)
    if os.waitstatus_to_exitcode(status) not in (0, 3):  # 3: a scene failed, and the picture says so
        sys.exit(f"demo_svg: {' '.join(command)} failed; nothing was drawn")
    return b"".join(chunks).decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("svg")
    parser.add_argument("--title", default="make demo")
    parser.add_argument("--rows", type=int, default=92, help="more rows are cut in the middle")
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    text = run(options.command) if options.command else sys.stdin.buffer.read().decode()
    screen = Screen()
    screen.feed(text)
    rows = folded(screen.lines)
    if len(rows) > options.rows:
        cut = len(rows) - options.rows + 1
        mark = [(char, (FOREGROUND, False, True)) for char in f"  ⋯ {cut} lines left out here ⋯"]
        head = options.rows * 2 // 3
        rows = rows[:head] + [mark] + rows[head + cut:]
    with open(options.svg, "w") as file:
        file.write(draw(rows, options.title))


if __name__ == "__main__":
    main()
