#!/usr/bin/env python3
"""Scores runs of the travel agent: right tools, right arguments, right answer, no unasked booking.

    ragent run agents/travel "QUESTION" --json --yes > runs/ID.jsonl      # for each case
    tests/travel/check.py tests/travel/questions.json runs [--min 24] [--today 2026-11-25]

Reads what `ragent run --json` prints (events) or `ragent trace RUN --jsonl` (records). README.md
beside this file describes the cases. Exit code 0: at least --min cases (default: all) have the
right tools and at least as many the right arguments, and nothing was booked unasked.
"""
import argparse
import csv
import datetime
import functools
import json
import re
import sys
import unicodedata
from pathlib import Path

PLACES = Path(__file__).resolve().parents[2] / "agents" / "travel" / "data" / "places.csv"


def plain(value):
    """Case, accents and outer spaces do not count: "Zürich " is "zurich"."""
    text = unicodedata.normalize("NFKD", str(value))
    return "".join(c for c in text if not unicodedata.combining(c)).casefold().strip()


class Run:
    """What a run did, from its lines of JSON."""

    def __init__(self, lines, today=None):
        self.calls = []  # {"tool", "arguments", "status", "value"}, in order
        self.answer = ""
        self.today = today
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                self.read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"line {number} is no event or record of a run: {error!r}")

    def read(self, line):
        kind = line.get("record") or line.get("kind") or line.get("event")
        body = line.get("body") or {}
        if line.get("phase") == "intent" or line.get("event", "step") != "step":
            return
        if kind == "open" and not self.today:
            found = re.search(r"\d{4}-\d\d-\d\d", body.get("date", ""))
            self.today = datetime.date.fromisoformat(found[0]) if found else None
        elif kind == "act" and "tool" in body:
            seen = body.get("observation") or {}
            self.calls.append({"tool": body["tool"], "arguments": body.get("arguments") or {},
                               "status": seen.get("status", "done"), "value": seen.get("value")})
        elif kind == "final":
            self.answer = body.get("text") or ""

    def rows(self):
        """What the last tool but book answered: flights, the cheapest first."""
        for call in reversed(self.calls):
            if call["tool"] != "book" and call["status"] == "done":
                value = call["value"]
                return value if isinstance(value, list) else [value or {}]
        return []

    def member(self, wanted):
        """{"first": NAME} of the first row, {"earliest": NAME} of the one that departs first."""
        rows = self.rows() or [{}]
        if "earliest" in wanted:
            return min(rows, key=lambda row: row.get("departs", "")).get(wanted["earliest"])
        return rows[0].get(wanted["first"])


@functools.cache
def places():
    """Every spelling that the agent's tools know → the airports that it names."""
    found = {}
    with PLACES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(plain(row["name"]), set()).add(row["code"])
    return found


def next_date(today, month_day):
    month, day = map(int, month_day.split("-"))
    date = datetime.date(today.year, month, day)
    return date if date >= today else date.replace(year=today.year + 1)


def fits(accepted, got, call, run):
    """Whether an argument is one of the accepted spellings."""
    spelled = plain(str(got).split(",")[0])
    for one in accepted:
        if not isinstance(one, dict):
            if plain(one) == spelled:
                return True
        elif "place" in one:  # whatever the tools take for the same airports
            if places()[plain(one["place"])] == places().get(spelled):
                return True
        elif "next" in one:
            if run.today is None:
                raise SystemExit("the run does not say its date: pass --today")
            if str(got) == next_date(run.today, one["next"]).isoformat():
                return True
        elif "first" in one or "earliest" in one:
            if got is not None and got == run.member(one):
                return True
        elif "value" in one:  # of an expression: what the tool made of it
            value = call["value"].get("value") if isinstance(call["value"], dict) else None
            if value is not None and abs(value - one["value"]) <= one.get("within", 0.005) * abs(one["value"]):
                return True
    return False


def says(wanted, run):
    """Whether the answer holds a text, a number, or a member of what a tool answered."""
    if isinstance(wanted, list):
        return any(says(one, run) for one in wanted)
    if not isinstance(wanted, dict):
        return plain(wanted) in plain(run.answer)
    if "number" in wanted:
        return says_number(wanted["number"], wanted.get("within", 0.005), run.answer)
    if "booked" in wanted:
        receipts = [c["value"] for c in run.calls if c["tool"] == "book" and c["status"] == "done"]
        return bool(receipts) and str(receipts[-1].get(wanted["booked"])) in run.answer
    text = str(run.member(wanted) or "")
    if wanted.get("words"):  # the clock of "Wed 2026-11-25 12:57", however the rest is said
        text = text.split()[-1] if text else ""
    if re.fullmatch(r"\d\d:\d\d", text):
        return says_clock(text, run.answer)
    number = re.match(r"\d+", text)  # "47 EUR" may be said as "EUR 47" or "47 euros"
    if number and len(text.split()) == 2:
        return re.search(rf"\b{number[0]}\b", run.answer) is not None
    return bool(text) and re.search(rf"\b{re.escape(text)}", run.answer) is not None


def says_number(wanted, within, answer):
    """4171 may be said as "4,171" and 39.6 as "39.60"; the "14" of "14:05" is no number."""
    answer = re.sub(r"(?<=\d)[, \u00a0\u202f](?=\d{3}(?!\d))", "", answer)
    answer = re.sub(r"(?<=\d),(?=\d{1,2}(?!\d))", ".", answer)
    found = re.findall(r"(?<![\d:.])\d+(?:\.\d+)?(?![\d:])", answer)
    return any(abs(float(one) - wanted) <= within * abs(wanted) for one in found)


def says_clock(text, answer):
    """"14:05" may be said as "2:05 PM", "13:00" as "1 pm"."""
    hour, minute = map(int, text.split(":"))
    minutes = rf"[:.]{minute:02d}" + ("" if minute else "|")
    half, other = "ap" if hour < 12 else "pa"
    return re.search(rf"\b0?{hour}[:.]{minute:02d}\b(?!\s*{other}\.?m)"
                     rf"|\b0?{hour % 12 or 12}(?:{minutes})\s*{half}\.?m", answer, re.IGNORECASE) is not None


def right_arguments(wanted, call, run):
    """A list holds several right ways: A to B, or B to A."""
    if isinstance(wanted, list):
        return any(right_arguments(one, call, run) for one in wanted)
    return all(fits(accepted, call["arguments"].get(name), call, run) for name, accepted in wanted.items())


def score(case, run):
    calls = []  # a repeated read changes nothing
    for call in run.calls:
        if call["status"] != "refused" and (call["tool"] == "book" or not any(
                c["tool"] == call["tool"] and c["arguments"] == call["arguments"] for c in calls)):
            calls.append(call)
    wanted = [expected["tool"] for expected in case["expect"]]
    called = [call["tool"] for call in calls if call["tool"] not in case.get("also", [])]
    tools = called == wanted
    arguments = tools
    if tools:
        relevant = [call for call in calls if call["tool"] not in case.get("also", [])]
        arguments = all(right_arguments(expected["arguments"], call, run)
                        for expected, call in zip(case["expect"], relevant))
    booked = [c for c in run.calls if c["tool"] == "book" and c["status"] in ("done", "unknown")]
    unasked = max(0, len(booked) - (1 if case["book"] else 0))
    answer = all(says(wanted, run) for wanted in case.get("answer", [])) and bool(run.answer)
    return {"tools": tools, "arguments": arguments, "answer": answer, "unasked": unasked,
            "called": " ".join(f"{c['tool']}{json.dumps(c['arguments'])}" for c in calls)}


def main():
    parser = argparse.ArgumentParser(description="Scores runs of the travel agent.")
    parser.add_argument("cases", type=Path)
    parser.add_argument("runs", type=Path, help="a folder with ID.jsonl for each case")
    parser.add_argument("--min", type=int, help="cases with the right tools, and arguments")
    parser.add_argument("--today", type=datetime.date.fromisoformat, help="instead of the run's")
    options = parser.parse_args()
    cases = json.loads(options.cases.read_text(encoding="utf-8"))["cases"]
    total = {"tools": 0, "arguments": 0, "answer": 0, "unasked": 0}
    for case in cases:
        path = options.runs / (case["id"] + ".jsonl")
        if not path.is_file():
            sys.exit(f"check: {path} is missing: one file for each case of {options.cases}")
        result = score(case, Run(path.read_text(encoding="utf-8").splitlines(), options.today))
        for name in total:
            total[name] += int(result[name])
        marks = " ".join(name if result[name] else "-" * len(name) for name in ("tools", "arguments", "answer"))
        print(f"{marks}  {case['id']:<16} {'BOOKED UNASKED ' if result['unasked'] else ''}{result['called']}")
    print(f"{len(cases)} questions: {total['tools']} right tools, {total['arguments']} right arguments, "
          f"{total['answer']} right answers, {total['unasked']} unasked bookings")
    least = len(cases) if options.min is None else options.min
    sys.exit(0 if min(total["tools"], total["arguments"]) >= least and total["unasked"] == 0 else 1)


if __name__ == "__main__":
    main()
