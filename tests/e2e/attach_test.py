"""Two terminals on one home: the real program, a scripted model, an owner that is killed."""
import json
import os
import pathlib
import signal
import stat
import tempfile
import time
import unittest

import case

AGENT = """
planner = "react"
[profile]
name = "desk"
instructions = "Sell seats."
[tools.book]
description = "Book a seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
[tools.dear]
description = "Book a dear seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
ask = "Book {seat}?"
[tools.lost]
description = "Nobody knows what it does."
effect = "once"
args = { seat = "string: its id" }
exec = "./lost"
timeout = "1s"
"""

BOOK = """#!/bin/sh
cat >/dev/null
echo "$RAGENT_KEY" >> "$RAGENT_AGENT_DIR/ledger"
echo '{"booked": true}'
"""

LOST = """#!/bin/sh
exit 3
"""

SCRIPT = """{"model": "scripted", "latency_ms": 5}
{"user": "book"}
{"calls": [{"tool": "book", "args": {"seat": "A1"}}]}
{"calls": [{"tool": "book", "args": {"seat": "A2"}}], "latency_ms": 700}
{"answer": "Two seats.", "latency_ms": 700}
{"user": "dear"}
{"calls": [{"tool": "dear", "args": {"seat": "D1"}}]}
{"answer": "D1 is yours."}
{"user": "lost"}
{"calls": [{"tool": "lost", "args": {"seat": "L1"}}]}
{"answer": "It is settled."}
{"user": "slowly"}
{"answer": "At last.", "latency_ms": 60000}
{"user": ""}
{"answer": "Good day."}
"""


class Attach(case.Case):
    WAIT, COMMAND = 20, 30

    def setUp(self):
        super().setUp()
        self.make_agent("desk", AGENT, SCRIPT, book=BOOK, lost=LOST)

    def run_desk(self, task, *more):
        return self.start("run", "desk", task, "--model", "scripted:script.jsonl", "--json", *more)

    def end_of(self, process, code=0):
        """What a `run --json` printed: its events, and the result."""
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, code, out + err)
        lines = [json.loads(line) for line in out.splitlines()]
        return lines[:-1], lines[-1]

    def owner(self, task="slowly"):
        """A command that is at work on the home."""
        process = self.run_desk(task)
        self.wait_for(lambda: self.runs() and (self.home / "ragent.sock").exists(), "the owner")
        return process

    def test_two_at_once(self):
        first = self.owner("book")
        self.assertEqual(stat.S_IMODE(os.stat(self.home / "ragent.sock").st_mode), 0o600)
        second = self.run_desk("book")
        for process in (first, second):
            events, result = self.end_of(process)
            self.assertEqual(result["answer"], "Two seats.")
            ids = [event["id"] for event in events if event.get("id")]
            self.assertEqual(ids, list(range(1, len(ids) + 1)))
        self.assertEqual(len(set(self.ledger())), 4)
        self.assertEqual(len(self.ledger()), 4)
        self.assertEqual(len(self.runs()), 2)

    def test_an_ask_is_answered_beside_the_owner(self):
        self.owner()
        self.end_of(self.run_desk("dear"), code=75)
        (ask,) = self.lines("asks", "--json")
        out, _ = self.ragent("asks", ask["run"], "--allow")
        self.assertIn("D1 is yours.", out)
        self.assertEqual(len(self.ledger()), 1)

    def test_a_run_is_cancelled_beside_the_owner(self):
        first = self.owner()
        (run,) = self.runs()
        self.ragent("cancel", run["run"])
        self.assertEqual(self.end_of(first, code=13)[1]["outcome"], "cancelled")

    def test_a_doubt_is_resolved_beside_the_owner(self):
        self.owner()
        self.end_of(self.run_desk("lost"), code=76)
        (doubt,) = self.lines("runs", "--in-doubt", "--json")
        out, _ = self.ragent("resolve", doubt["run"], doubt["step"], "--did-not-happen")
        self.assertIn("It is settled.", out)

    def test_the_owner_is_killed_and_the_other_takes_over(self):
        first = self.owner()
        second = self.run_desk("book")
        self.wait_for(lambda: len(self.ledger()) == 1, "the first seat")
        time.sleep(0.2)  # its outcome is written: the model is at work
        first.kill()
        first.wait()
        self.wait_for(lambda: f"{second.pid}" in (self.home / "lock").read_text(),
                      "the other to own the home")
        events, result = self.end_of(second)
        self.assertEqual(result["answer"], "Two seats.")
        ids = [event["id"] for event in events if event.get("id")]
        self.assertEqual(ids, list(range(1, len(ids) + 1)))
        self.assertEqual(len(self.ledger()), 2)
        self.assertEqual(len(set(self.ledger())), 2)
        states = {run["task"]: run["state"] for run in self.runs()}
        self.assertEqual(states, {"slowly": "working", "book": "ended"})

    def test_the_owner_is_done_while_another_is_at_work(self):
        first = self.owner("book")
        second = self.run_desk("book")
        self.wait_for(lambda: len(self.runs()) == 2, "the second run")
        self.end_of(first)
        self.assertEqual(self.end_of(second)[1]["answer"], "Two seats.")
        self.assertEqual(len(self.ledger()), 4)

    def test_from_another_folder(self):
        self.owner()
        with tempfile.TemporaryDirectory() as elsewhere:
            (pathlib.Path(elsewhere) / "mine.jsonl").write_text(
                '{"user": ""}\n{"answer": "From elsewhere."}\n')
            out, _ = self.ragent("run", str(self.agent), "hello", "--model", "scripted:mine.jsonl",
                                 "--home", str(self.home), "-q", folder=elsewhere)
        self.assertEqual(out, "From elsewhere.\n")

    def test_a_proxy_is_not_asked(self):
        self.owner()
        self.environment |= {"http_proxy": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"}
        self.assertEqual(self.end_of(self.run_desk("hello"))[1]["answer"], "Good day.")

    def test_ctrl_c_cancels_an_attached_run(self):
        self.owner()
        second = self.run_desk("slowly")
        self.wait_for(lambda: len(self.runs()) == 2, "the second run")
        second.send_signal(signal.SIGINT)
        self.assertEqual(self.end_of(second, code=13)[1]["outcome"], "cancelled")

    def test_an_owner_that_hangs_is_named(self):
        first = self.owner()
        first.send_signal(signal.SIGSTOP)
        process = self.run_desk("hello")
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn(f"process {first.pid}", err)


if __name__ == "__main__":
    unittest.main()
