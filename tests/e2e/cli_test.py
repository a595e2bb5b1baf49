"""The ragent command as people use it: the real program, a scripted model, real tools."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import time
import unittest

import case
from case import RAGENT

AGENT = """
planner = "react"
[profile]
name = "desk"
instructions = "Sell seats."
[tools.seats]
description = "Seats that are free."
args = { row = "string: a row" }
sql = "select id, price from seat where id like :row || '%' order by id"
[tools.book]
description = "Book a seat."
effect = "once"
args = { seat = "string: its id" }
exec = "./book"
ask = "Book {seat}?"
[tools.plan]
description = "Draw a plan of the room."
effect = "read"
exec = "./plan"
"""

SEATS = "id,price\nA1,10\nA2,12\nB1,8\n"

# Writes its line into the ledger, then waits as long as the file `slow` says before it answers.
BOOK = """#!/usr/bin/env python3
import json, os, sys, time
seat = json.load(sys.stdin)["seat"]
folder = os.environ["RAGENT_AGENT_DIR"]
with open(folder + "/ledger", "a") as ledger:
    ledger.write(seat + "\\n")
slow = folder + "/slow"
time.sleep(float(open(slow).read()) if os.path.exists(slow) else 0)
print(json.dumps({"booking": "K-" + seat, "paid": 10}))
"""

# Leaves a file, a link, and finds what an earlier call left.
PLAN = """#!/bin/sh
cat >/dev/null
[ -e link ] || ln -s /etc/hostname link
if [ -e plan.txt ]; then echo again > again.txt; else echo 'A1 A2' > plan.txt; fi
echo '{"drawn": true}'
"""

SCRIPT = """{"model": "scripted", "latency_ms": 1}
{"user": "book"}
{"calls": [{"tool": "seats", "args": {"row": "A"}}]}
{"calls": [{"tool": "book", "args": {"seat": "A1"}}]}
{"answer": "A1 is yours."}
{"user": "plan"}
{"calls": [{"tool": "plan", "args": {}}]}
{"calls": [{"tool": "plan", "args": {}}]}
{"answer": "Drawn twice."}
{"user": "late"}
{"answer": "Late.", "latency_ms": 300}
{"user": "endless"}
{"calls": [{"tool": "endless", "args": {}}]}
{"answer": "Never."}
{"user": "slowly"}
{"answer": "At last.", "latency_ms": 20000}
{"user": "escape"}
{"answer": "before \\u001b[2J after"}
{"user": "fail"}
{"answer": "", "fault": "invalid"}
{"user": ""}
{"answer": "Good day."}
"""


class Case(case.Case):
    def setUp(self):
        super().setUp()
        self.make_agent("desk", AGENT, SCRIPT, book=BOOK, plan=PLAN)
        (self.agent / "seat.csv").write_text(SEATS)
        self.environment["RAGENT_MODEL"] = "scripted:script.jsonl"

    def the_run(self):
        (run,) = self.runs()
        return run


class Line(Case):
    def test_version_is_quick(self):
        def once():
            begin = time.perf_counter()
            subprocess.run([RAGENT, "--version"], capture_output=True, check=True)
            return time.perf_counter() - begin
        self.assertRegex(self.ragent("--version")[0], r"^ragent \d+\.\d+\.\d+\n$")
        # The best of many: what it costs, not what the machine does besides. Sanitizers are slow.
        bound = 0.2 if os.environ.get("RAGENT_SANITIZED") else 0.010
        self.assertLess(min(once() for _ in range(30)), bound)

    def test_usage(self):
        out, _ = self.ragent()
        for name in ("new", "check", "run", "chat", "fork", "runs", "trace", "resume", "resolve",
                     "asks", "cancel", "doctor", "models", "completion", "help"):
            self.assertRegex(out, rf"(?m)^  {name} ")
        _, err = self.ragent("rnu", code=2)
        self.assertIn("did you mean `run`?", err)
        _, err = self.ragent("run", "desk", "hi", "--modle", "x", code=2)
        self.assertIn("did you mean `--model`?", err)
        self.assertIn("--budget-steps", self.ragent("run", "--help")[0])

    def test_nothing_ran_yet(self):
        self.assertIn("Nothing ran here yet", self.ragent("runs")[0])
        self.assertIn("nothing ever ran", self.ragent("trace", "01", code=1)[1])
        self.assertIn("Nothing waits for you", self.ragent("asks")[0])
        self.assertFalse((self.folder / ".ragent").exists())  # looking makes nothing


class Forks(Case):
    """What ran goes on from a step of it: nothing of the copy happens again."""

    def setUp(self):
        super().setUp()
        self.ragent("run", "desk", "book A1", "--yes")
        self.source = self.the_run()["run"]
        self.before = self.ragent("trace", self.source, "--jsonl")[0]

    def edit(self, text):
        name = f"edit{len(list(self.folder.glob('edit*')))}"
        (self.folder / name).write_text(text)
        return name

    def test_the_step_is_asked_again(self):
        out, err = self.ragent("fork", self.source[:20], "--at", "0:5")
        self.assertIn("A1 is yours.", out)
        self.assertIn(f"fork of {self.source} at 0:5", " ".join(err.split()))
        self.assertEqual(self.ledger(), ["A1"])
        fork = self.runs()[0]
        self.assertEqual(fork["parent"], f"{self.source}@0:5")
        self.assertIn(" at 0:5: book A1", self.ragent("runs")[0])
        trace = self.ragent("trace", fork["run"])[0]
        self.assertRegex(trace, r"0:4\.0 +book .*\(copied\)")
        self.assertIn("1 think", trace)
        self.ragent("trace", fork["run"], "--html", "fork.html")
        self.assertIn(f"fork of {self.source} at 0:5", (self.folder / "fork.html").read_text())
        self.ragent("fork", self.source, "--at", "0:4", "--yes", "--quiet")
        self.assertEqual(self.ledger(), ["A1", "A1"])
        self.assertEqual(self.ragent("trace", self.source, "--jsonl")[0], self.before)

    def test_an_edit_of_each_kind(self):
        out, _ = self.ragent("fork", self.source, "--at", "0:3", "--edit", self.edit("No seat.\n"))
        self.assertEqual(out, "No seat.\n")
        self.assertIn("(edited by ", self.ragent("trace", self.runs()[0]["run"])[0])
        calls = {"calls": [{"tool": "book", "arguments": {"seat": "B1"}}]}
        self.ragent("fork", self.source, "--at", "0:3", "--edit", self.edit(json.dumps(calls)), "-y")
        self.assertEqual(self.ledger(), ["A1", "B1"])
        self.ragent("fork", self.source, "--at", "0:4", "--edit", self.edit('{"booking": "none"}'))
        self.assertEqual(self.ledger(), ["A1", "B1"])
        out, _ = self.ragent("fork", self.source, "--at", "start", "--edit", "-", "-q", say="hello")
        self.assertEqual(out, "Good day.\n")

    def test_json_names_the_new_run(self):
        lines = self.lines("fork", self.source, "--at", "0:5", "--json")
        self.assertEqual(lines[0]["body"]["forked"]["run"], self.source)
        self.assertNotEqual(lines[-1]["run"], self.source)
        self.assertEqual((lines[-1]["answer"], lines[-1]["exit"]), ("A1 is yours.", 0))

    def test_what_does_not_fit_says_what_does(self):
        for words, said in (
                ((self.source, "--at", "0:9"), "branch 0 has the steps 0:0 to 0:5"),
                ((self.source, "--at", "soon"), "names no step"),
                ((self.source, "--at", "0:0", "--edit", self.edit("x")), "what can be edited"),
                ((self.source, "--at", "0:1", "--edit", self.edit('{"tool": 1}')), "its edit is a"),
                ((self.source, "--at", "0:1", "--edit", self.edit('{"text":')), "the edit: "),
                ((self.source, "--at", "0:1", "--edit", "nothing.json"), "nothing.json"),
                ((self.source, "--at", "0:1", "--edit", "-"), "the edit is empty"),
                ((self.source, "--at", "start", "--edit", self.edit(" \n")), "the edit is empty"),
                ((self.source, "--at", "0:1", "--model", "noone"), "no"),
                (("zzz", "--at", "0:1"), "no run begins with"),
        ):
            self.assertIn(said, self.ragent("fork", *words, code=1)[1], words)
        self.assertIn("--at", self.ragent("fork", self.source, code=2)[1])
        self.assertEqual(len(self.runs()), 1)


class Agents(Case):
    def test_a_new_agent_checks_and_is_not_overwritten(self):
        self.assertIn("agents/cafe", self.ragent("new", "cafe")[0])
        out, _ = self.ragent("check", "cafe")
        self.assertRegex(out, r"menu +sql +read")
        before = (self.folder / "agents/cafe/agent.toml").read_text()
        self.assertIn("exists already", self.ragent("new", "cafe", code=1)[1])
        self.assertEqual((self.folder / "agents/cafe/agent.toml").read_text(), before)
        self.ragent("new", "No Name", code=2)

    def test_what_has_no_end_is_refused_at_once(self):
        os.mkfifo(self.folder / "fifo")
        bad = self.folder / "agents" / "bad"
        bad.mkdir()
        (bad / "agent.toml").symlink_to(self.folder / "fifo")
        _, err = self.ragent("check", "bad", code=1)
        self.assertIn("expected a regular file, it is a FIFO", err)
        for name, kind in (("fifo", "a FIFO"), ("/dev/zero", "a device")):
            _, err = self.ragent("run", "desk", "hi", "--model", f"scripted:{name}", code=None)
            self.assertIn(f"expected a regular file, it is {kind}", err)

    def test_check_tells_what_an_agent_can_do(self):
        out, _ = self.ragent("check", "desk")
        self.assertRegex(out, r"book +exec +once +asks first")
        self.assertEqual(self.lines("check", "desk", "--json")[0]["profile"]["name"], "desk")

    def test_errors_name_the_place(self):
        self.assertIn("did you mean `desk`?", self.ragent("check", "dsek", code=1)[1])
        (self.agent / "agent.toml").write_text(AGENT.replace("effect", "efect"))
        _, err = self.ragent("check", "desk", code=1)
        self.assertRegex(err, r"agent\.toml:\d+: .*efect.*did you mean .effect")
        (self.agent / "agent.toml").write_text('planner = "raect"' + AGENT.replace(
            'planner = "react"', ""))
        self.assertIn("did you mean `react`?", self.ragent("check", "desk", code=1)[1])


class Running(Case):
    def test_an_answer(self):
        out, err = self.ragent("run", "desk", "hello")
        self.assertEqual(out, "Good day.\n")
        self.assertIn("answered in", err)
        self.assertEqual(self.ragent("run", "desk", "hello", "--quiet"), ("Good day.\n", ""))

    def test_tables_and_receipts_stand_beside_the_answer(self):
        out, _ = self.ragent("run", "desk", "book A1", "--yes")
        self.assertRegex(out, r"(?m)^  ✓ seats  row A ")
        self.assertRegex(out, r"(?m)^    id  price\n    A1     10\n    A2     12$")
        self.assertRegex(out, r"(?m)^  ✓ book  seat A1 ")
        self.assertRegex(out, r"(?m)^    │ booking  K-A1$")
        self.assertTrue(out.endswith("\nA1 is yours.\n"), out)
        self.assertEqual(self.ledger(), ["A1"])

    def test_files_that_a_tool_leaves_are_kept_and_named(self):
        out, _ = self.ragent("run", "desk", "plan it")
        self.assertRegex(out, r'(?m)^    "plan\.txt"  6 B  artifact://[0-9a-f]{40}')
        self.assertRegex(out, r'(?m)^    "link"  0 B  not kept: it is no regular file$')
        run = self.the_run()["run"]
        self.assertFalse((self.folder / ".ragent/work" / run).exists())
        # The outcomes name them, also where only the home went.
        (self.folder / ".ragent").rename(self.folder / "elsewhere")
        records = self.lines("trace", run, "--jsonl", "--home", "elsewhere")
        first, second = [record["body"]["observation"] for record in records
                         if record["kind"] == "act" and record["phase"] == "outcome"]
        self.assertEqual([file["name"] for file in first["files"]], ["link", "plan.txt"])
        self.assertEqual([file["name"] for file in second["files"]], ["again.txt"])
        kept = self.folder / "elsewhere/artifacts/local" / first["files"][1]["artifact"]
        self.assertEqual(kept.read_text(), "A1 A2\n")

    def test_a_reader_that_left_is_no_full_disk(self):
        process = self.start("run", "desk", "late")
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=30), 1, err)
        self.assertIn("whoever read the output closed it", err)
        self.assertNotIn("disk", err)
        self.assertEqual(self.the_run()["outcome"], "answered")

    def test_a_home_that_is_a_broken_link_is_named_so(self):
        (self.folder / "dangling").symlink_to("nowhere")
        (self.folder / "circle").symlink_to("circle")
        for home, what in (("dangling", "a symbolic link to nowhere, which is not there"),
                           ("circle", "a symbolic link to circle, which leads in a circle")):
            for words in (("run", "desk", "hello"), ("runs",)):
                _, err = self.ragent(*words, "--home", home, code=1)
                self.assertIn(what, err)
            self.ragent("doctor", "--home", home, code=1)

    def test_json_is_one_object_a_line(self):
        events = self.lines("run", "desk", "book A1", "--yes", "--json")
        result = events[-1]
        self.assertEqual(result["event"], "result")
        self.assertEqual(result["outcome"], "answered")
        self.assertEqual(result["answer"], "A1 is yours.")
        self.assertEqual(result["exit"], 0)
        ids = [event["id"] for event in events if event.get("id")]
        self.assertEqual(ids, sorted(ids))
        self.assertIn("act", [event.get("record") for event in events])

    def test_a_model_cannot_speak_to_the_terminal(self):
        out, _ = self.ragent("run", "desk", "escape")
        self.assertEqual(out, "before \\x1b[2J after\n")
        run = self.the_run()["run"]
        self.assertIn("before \\x1b[2J after", self.ragent("trace", run)[0])
        self.ragent("trace", run, "--html", "trace.html")
        page = (self.folder / "trace.html").read_text()
        self.assertIn("before \\x1b[2J after", page)
        self.assertNotIn("\x1b", page)
        self.assertIn("`\\xff\\x1b[2J`", self.ragent("run", b"\xff\x1b[2J", "hello", code=1)[1])

    def test_lines_fit(self):
        home = "h" * 40
        _, err = self.ragent("run", "desk", "hello", "--home", home)
        (run,) = self.lines("runs", "--json", "--home", home)
        self.assertIn(f"\nragent trace {run['run']} --home {home}\n", err)
        for line in (err + self.ragent("trace", run["run"], "--home", home)[0]).splitlines():
            self.assertLessEqual(len(line), 100, line)

    def test_outcomes_have_their_exit_codes(self):
        self.ragent("run", "desk", "fail", code=10)
        self.ragent("run", "desk", "book A1", "--yes", "--budget-steps", "1", code=12)
        self.assertEqual(self.ledger(), [])

    def test_a_session_goes_on(self):
        first = self.lines("run", "desk", "hello", "--json")[-1]["session"]
        second = self.lines("run", "desk", "hello", "--json", "--session", first)[-1]
        self.assertEqual(second["session"], first)

    def error(self, *words, code):
        """What is said on stderr, and that nothing was recorded."""
        _, err = self.ragent("run", "desk", *words, code=code)
        self.assertEqual(err.count("error:"), 1, err)
        self.assertEqual(self.runs(), [])
        return err

    def test_wrong_values_are_one_error_and_no_run(self):
        self.assertIn("--budget-steps: expected a whole number from 1 to 1000000000, got `-1`",
                      self.error("hello", "--budget-steps", "-1", code=2))
        self.assertIn("expected what the agent shall do", self.error(" ", code=2))
        self.assertIn(r"expected text in UTF-8, got `a\xff`", self.error(b"a\xff", code=2))
        self.assertIn("--session: expected a name of", self.error("hi", "--session", "../x", code=2))
        err = self.error("hello", "--planner", "raect", code=1)
        self.assertIn("there is no planner `raect`; did you mean `react`? (there are direct, react)",
                      err)
        self.assertIn("there is no planner `react@9`; did you mean `react@1`?",
                      self.error("hello", "--planner", "react@9", code=1))
        self.assertIn('script.jsonl: expected the weights of a language model, a file that begins '
                      'with GGUF; it begins with "{"mo"',
                      self.error("hello", "--model", "script.jsonl", code=1))

    def test_a_home_that_is_a_file(self):
        (self.folder / "file").write_text("")
        for words in (["run", "desk", "hello"], ["runs"], ["trace", "01"], ["asks"], ["resume"]):
            _, err = self.ragent(*words, "--home", "file", code=1)
            self.assertIn("the home file is a file, expected a folder", err)

    def test_a_home_that_was_named_counts_more_than_the_variable(self):
        self.environment["RAGENT_HOME"] = "other"
        _, err = self.ragent("run", "desk", "hello", "--home", ".ragent")
        self.assertFalse((self.folder / "other").exists())
        # The commands that are shown find it too.
        (command,) = re.findall(r"ragent (trace \S+(?: --home \S+)?)", err)
        self.assertIn("hello", self.ragent(*command.split())[0])
        (self.folder / ".ragent").rename(self.folder / "other")
        _, err = self.ragent("run", "desk", "hello")
        self.assertRegex(err, r"ragent trace \S+ --home other\b")
        self.assertEqual(len(self.runs()), 2)

    def test_the_variable_names_the_model_where_no_option_does(self):
        del self.environment["RAGENT_MODEL"]
        self.ragent("run", "desk", "hello", "--model", "scripted:script.jsonl")
        self.environment["RAGENT_MODEL"] = "scripted:none.jsonl"
        self.assertIn("none.jsonl", self.ragent("run", "desk", "hello", code=1)[1])
        self.ragent("run", "desk", "hello", "--model", "scripted:script.jsonl")

    def test_a_home_that_cannot_be(self):
        (self.folder / "file").write_text("")
        _, err = self.ragent("run", "desk", "hello", "--home", "file/home", code=1)
        self.assertRegex(err, r"directory file\b.*another home")


class Asking(Case):
    def test_without_a_terminal_the_run_parks_and_says_how_to_answer(self):
        _, err = self.ragent("run", "desk", "book A1", code=75)
        self.assertIn("Book A1?", err)
        command = re.search(r"ragent (asks \S+ --allow)", err).group(1)
        self.assertEqual(self.the_run()["state"], "waiting_ask")
        (ask,) = self.lines("asks", "--json")
        self.assertEqual(ask["arguments"], {"seat": "A1"})
        self.assertEqual(self.ledger(), [])
        out, _ = self.ragent(*command.split())
        self.assertTrue(out.endswith("A1 is yours.\n"), out)
        self.assertEqual(self.ledger(), ["A1"])
        self.assertEqual(self.the_run()["state"], "ended")
        self.assertIn("Nothing waits for you", self.ragent("asks")[0])

    def test_denied(self):
        run = self.lines("run", "desk", "book A1", "--json", code=75)[-1]["run"]
        self.ragent("asks", run[:20], "--deny")
        self.assertEqual(self.ledger(), [])

    def test_decide_now_carry_on_later(self):
        self.ragent("run", "desk", "book A1", code=75)
        (ask,) = self.lines("asks", "--json")
        self.ragent("asks", ask["ask"], "--allow", "--later", "--who", "Ada")
        self.ragent("resume", self.the_run()["run"])
        self.assertEqual(self.ledger(), ["A1"])
        self.assertIn("by Ada", self.ragent("trace", self.the_run()["run"])[0])

    def test_wrong_kinds_of_answers(self):
        self.ragent("run", "desk", "book A1", code=75)
        (ask,) = self.lines("asks", "--json")
        self.assertIn("--allow or --deny", self.ragent("asks", ask["ask"], "--answer", "1", code=2)[1])
        self.assertIn("waits for an answer", self.ragent("asks", "zz", "--allow", code=1)[1])

    def test_in_a_terminal(self):
        master, slave = pty.openpty()
        environment = {**self.environment, "LANG": "C.UTF-8", "TERM": "xterm", "LC_ALL": ""}
        process = subprocess.Popen([RAGENT, "run", "desk", "book A1"], cwd=self.folder,
                                   env=environment, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        shown = b""
        answered = False
        while select.select([master], [], [], 30)[0]:
            try:
                shown += os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if b"[y/N]" in shown and not answered:
                os.write(master, b"y\n")
                answered = True
        self.assertEqual(process.wait(timeout=30), 0, shown.decode())
        os.close(master)
        self.assertTrue(answered)
        self.assertIn(b"\x1b[1m", shown)  # colours, on a terminal
        self.assertEqual(self.ledger(), ["A1"])


class Interrupted(Case):
    def start_slow(self):
        process = self.start("run", "desk", "slowly")
        self.wait_for(self.runs, "the run")
        return process

    def test_ctrl_c_cancels(self):
        process = self.start_slow()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 13)
        self.assertEqual(self.the_run()["outcome"], "cancelled")

    def test_ctrl_c_ends_a_query_without_an_end(self):
        (self.agent / "agent.toml").write_text(AGENT + """
[tools.endless]
description = "All numbers."
sql = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) m from n"
""")
        process = self.start("run", "desk", "endless")
        self.wait_for(lambda: '"tool":"endless"' in self.trace_when_there(), "the query")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=10), 13)

    def test_runs_says_what_nobody_works_on(self):
        process = self.start_slow()
        self.assertNotIn("interrupted", self.ragent("runs")[1])
        process.kill()
        process.wait(timeout=10)
        self.assertIn("no process works on this home: 1 run; `ragent resume",
                      self.ragent("runs")[1])

    def trace_when_there(self):
        runs = self.runs()
        return self.ragent("trace", runs[0]["run"], "--jsonl")[0] if runs else ""

    def test_others_read_beside_the_owner_and_attach_to_it(self):
        process = self.start_slow()
        run = self.the_run()
        self.assertEqual(run["state"], "working")
        self.assertIn("slowly", self.ragent("trace", run["run"][:24])[0])
        self.assertIn("Good day.", self.ragent("run", "desk", "hello")[0])
        self.ragent("cancel", run["run"])
        self.assertEqual(process.wait(timeout=10), 13)

    def test_who_owns_the_home_and_does_not_share_it_is_named(self):
        self.ragent("run", "desk", "hello")
        with open(self.folder / ".ragent" / "lock", "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            self.assertIn(str(os.getpid()), self.ragent("run", "desk", "hello", code=78)[1])

    def test_killed_and_cancelled_later(self):
        process = self.start_slow()
        process.kill()
        process.wait()
        self.ragent("cancel", self.the_run()["run"])
        self.assertEqual(self.the_run()["outcome"], "cancelled")

    def kill_while_booking(self):
        (self.agent / "slow").write_text("20")
        process = self.start("run", "desk", "book A1", "--yes")
        self.wait_for(self.ledger, "the ledger")
        process.kill()
        process.wait()
        (self.agent / "slow").unlink()

    def test_killed_while_booking_it_is_in_doubt_and_resolved(self):
        self.kill_while_booking()
        _, err = self.ragent("resume", code=76)
        command = re.search(r"ragent (resolve \S+ \S+) --did-not-happen", err).group(1)
        (doubt,) = self.lines("runs", "--in-doubt", "--json")
        self.assertEqual(doubt["arguments"], {"seat": "A1"})
        out, _ = self.ragent(*command.split(), "--happened", '{"booking": "K-A1"}',
                             "--evidence", "the ledger")
        self.assertTrue(out.endswith("A1 is yours.\n"), out)
        self.assertEqual(self.ledger(), ["A1"])
        self.assertIn("Nothing is in doubt", self.ragent("runs", "--in-doubt")[0])

    def test_resolved_as_not_happened_the_model_is_told(self):
        self.kill_while_booking()
        self.ragent("resume", code=76)
        (doubt,) = self.lines("runs", "--in-doubt", "--json")
        self.ragent("resolve", doubt["run"], doubt["step"], "--did-not-happen", "--yes")
        self.assertEqual(self.ledger(), ["A1"])  # the engine itself repeats nothing
        self.assertEqual(self.the_run()["outcome"], "answered")
        self.assertIn('"verdict":"did_not_happen"', self.ragent("trace", doubt["run"], "--jsonl")[0])


class Looking(Case):
    def test_a_trace_in_three_forms(self):
        self.ragent("run", "desk", "book A1", "--yes")
        run = self.the_run()["run"]
        text, _ = self.ragent("trace", run[:22])
        self.assertRegex(text, r"(?m)^  0:\d+\.0  book seat A1 ")
        records = self.lines("trace", run, "--jsonl")
        self.assertEqual([record["n"] for record in records], list(range(1, len(records) + 1)))
        self.assertEqual(records[0]["kind"], "start")
        self.assertEqual(records[-1]["kind"], "final")
        self.ragent("trace", run, "--html", "trace.html")
        page = (self.folder / "trace.html").read_text()
        self.assertIn("A1 is yours.", page)
        self.assertNotIn("<script", page)
        self.assertNotRegex(page, r"(?:src|href)=")

    def test_a_page_goes_into_what_is_named(self):
        self.ragent("run", "desk", "hello")
        run = self.the_run()["run"]
        os.mkfifo(self.folder / "fifo")
        (self.folder / "link").symlink_to("page.html")
        self.ragent("trace", run, "--html", "link")
        self.assertTrue((self.folder / "link").is_symlink())
        page = (self.folder / "page.html").read_text()
        process = self.start("trace", run, "--html", "fifo")
        self.assertEqual((self.folder / "fifo").read_text(), page)
        self.assertEqual(process.wait(timeout=30), 0)
        process.communicate()
        self.assertTrue(stat.S_ISFIFO((self.folder / "fifo").stat().st_mode))

    def test_runs_and_unknown_ones(self):
        self.ragent("run", "desk", "hello")
        self.assertRegex(self.ragent("runs")[0], r"desk +answered .* hello")
        self.assertIn("`ragent runs`", self.ragent("trace", "zzz", code=1)[1])

    def test_doctor_takes_an_endpoint_for_a_model(self):
        def found(code, **variables):
            lines = self.lines("doctor", "--json", code=code, RAGENT_CACHE="empty",
                               RAGENT_MODEL="", **variables)
            return {line["what"]: line["state"] for line in lines}
        self.assertEqual(found(1)["local/default"], "missing")
        states = found(0, OPENAI_API_KEY="k")
        self.assertEqual((states["openai"], states["local/default"]), ("ok", "note"))

    def test_doctor(self):
        findings = {finding["what"]: finding
                    for finding in self.lines("doctor", "desk", "--json", code=None)}
        self.assertEqual(findings["home"]["state"], "ok")
        self.assertIn("a second", findings["durable writes"]["found"])
        self.assertEqual(findings["agent"]["state"], "ok")
        # To root everything is allowed there, and yet nothing can be made.
        home = self.lines("doctor", "--json", "--home", "/proc", code=1)[0]
        self.assertEqual((home["what"], home["state"]), ("home", "missing"))
        (self.agent / "book").chmod(stat.S_IRUSR)
        out, _ = self.ragent("doctor", "desk", "--json", code=1)
        self.assertIn('"missing"', out)
        self.assertIn("chmod +x", out)


if __name__ == "__main__":
    unittest.main()
