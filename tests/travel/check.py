#!/usr/bin/env python3
"""Scores runs of the travel agent: right tools, right arguments, right answer, no unasked booking.

    ragent run agents/travel "QUESTION" --json --yes > runs/ID.jsonl      # for each case
    tests/travel/check.py tests/travel/questions.json runs [--min 8] [--today 2026-11-25]

Reads what `ragent run --json` prints (events) or `ragent trace RUN --jsonl` (records). README.md
beside this file describes the cases. Exit code 0: at least --min cases (default: all) have the
right tools and at least as many the right arguments, and nothing was booked unasked.
"""
import argparse
import datetime
import json
import re
import sys
import unicodedata
from pathlib import Path


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

    def first_row(self):
        """The first row of what the last tool but book answered: the cheapest flight."""
        for call in reversed(self.calls):
            if call["tool"] != "book" and call["status"] == "done":
                value = call["value"]
                return (value[0] if value else {}) if isinstance(value, list) else value or {}
        return {}


def next_date(today, month_day):
    month, day = map(int, month_day.split("-"))
    date = datetime.date(today.year, month, day)
    return date if date >= today else date.replace(year=today.year + 1)


def fits(accepted, got, call, run):
    """Whether an argument is one of the accepted spellings."""
    for one in accepted:
        if not isinstance(one, dict):
            if plain(one) == plain(str(got).split(",")[0]):
                return True
        elif "next" in one:
            if run.today is None:
                raise SystemExit("the run does not say its date: pass --today")
            if str(got) == next_date(run.today, one["next"]).isoformat():
                return True
        elif "first" in one:
            if got == run.first_row().get(one["first"]):
                return True
        elif "value" in one:  # of an expression: what the tool made of it
            value = call["value"].get("value") if isinstance(call["value"], dict) else None
            if value is not None and abs(value - one["value"]) <= one.get("within", 0.005) * abs(one["value"]):
                return True
    return False


def says(wanted, run):
    """Whether the answer holds a text, or a member of what a tool answered."""
    if not isinstance(wanted, dict):
        return plain(wanted) in plain(run.answer)
    if "booked" in wanted:
        receipts = [c["value"] for c in run.calls if c["tool"] == "book" and c["status"] == "done"]
        return bool(receipts) and str(receipts[-1].get(wanted["booked"])) in run.answer
    text = str(run.first_row().get(wanted["first"], ""))
    if wanted.get("words"):  # the clock of "Wed 2026-11-25 12:57", however the rest is said
        text = text.split()[-1] if text else ""
    number = re.match(r"\d+", text)  # "47 EUR" may be said as "EUR 47" or "47 euros"
    return bool(text) and (text in run.answer or bool(number) and len(text.split()) == 2
                           and re.search(rf"\b{number[0]}\b", run.answer) is not None)


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
        for expected, call in zip(case["expect"], relevant):
            for name, accepted in expected["arguments"].items():
                if not fits(accepted, call["arguments"].get(name), call, run):
                    arguments = False
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
