"""ragent chat as people use it: the real program in a real terminal, and without one."""
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

import case
from case import RAGENT, ROOT

NUMBERS = itertools.count()

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
ask = "Book {seat}?"
"""

BOOK = """#!/bin/sh
cat > /dev/null
echo booked >> "$RAGENT_AGENT_DIR/ledger"
echo '{"booking": "K-1"}'
"""

POEM = ("Roses are red and violets are blue, a window of sixty columns shows all of it to you. "
        + "漢字" * 12 + " https://example.org/a/very/long/address/that/no/row/of/this/window/has/room/for")
SCRIPT = """{"model": "scripted", "latency_ms": 1}
{"user": "book"}
{"calls": [{"tool": "book", "args": {"seat": "A1"}}]}
{"answer": "A1 is yours."}
{"user": "slowly"}
{"answer": "Slowly done.", "latency_ms": 700}
{"user": "endless"}
{"answer": "Never.", "latency_ms": 60000}
{"user": "poem"}
{"answer": "POEM"}
{"user": ""}
{"answer": "Good day."}
""".replace("POEM", POEM)
PACED = SCRIPT.replace('"latency_ms": 1}', '"latency_ms": 1, "pace_ms": 60}')


def alive(pid):
    """Whether it still does something: who has ended may still have its entry."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Case(case.Case):
    WAIT = 20 if os.environ.get("RAGENT_SANITIZED") else 8
    COMMAND = 30

    def setUp(self):
        super().setUp()
        self.make_agent("desk", AGENT, SCRIPT, book=BOOK)
        self.environment |= {"RAGENT_MODEL": "scripted:script.jsonl", "LANG": "C.UTF-8",
                             "LC_ALL": "C.UTF-8", "TERM": "xterm",
                             "TMUX_TMPDIR": str(self.folder)}


@unittest.skipUnless(shutil.which("tmux"), "tmux is not here: scripts/setup installs it")
class Window(Case):
    """A window of tmux with one program in it."""

    def tmux(self, *words):
        return subprocess.run(["tmux", "-u", "-L", self.server, "-f", "/dev/null", *words],
                              env=self.environment, capture_output=True, text=True, timeout=10)

    def open(self, command, width=80, height=24):
        self.server = f"ragent-test-{os.getpid()}-{next(NUMBERS)}"
        self.addCleanup(self.close, self.server)
        started = self.tmux("new-session", "-d", "-x", str(width), "-y", str(height), "-c",
                            str(self.folder), command)
        self.assertEqual(started.returncode, 0, started.stderr)

    def close(self, server=None):
        """Ends the server and what runs in it."""
        self.server = server or self.server
        self.tmux("kill-server")
        end = time.monotonic() + self.WAIT
        while (self.folder / "pid").exists() and alive(self.pid()) and time.monotonic() < end:
            time.sleep(0.02)

    def chat(self, *words, width=80, height=24, before=""):
        """The chat; once it has ended, `after` holds its exit code and the terminal's settings."""
        line = " ".join([RAGENT, "chat", *words])
        self.open(f"{before} sh -c 'echo $$ > pid; exec {line}'; echo $? > code; "
                  "stty -a > after; sleep 60", width, height)
        self.until("/help")

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def say(self, text):
        self.tmux("send-keys", "-l", text)
        self.type("Enter")

    def shown(self, *options):
        screen = self.tmux("capture-pane", "-p", "-S", "-500", *options).stdout
        return "\n".join(line.rstrip() for line in screen.rstrip().split("\n"))

    def until(self, text, what=None):
        """Waits until the window shows it; a pattern where it is compiled."""
        end = time.monotonic() + self.WAIT
        while time.monotonic() < end:
            screen = self.shown()
            if text.search(screen) if isinstance(text, re.Pattern) else text in screen:
                return screen
            time.sleep(0.02)
        self.fail(f"waited {self.WAIT} s for {what or text!r} in\n{self.shown()}")

    def idle(self):
        return self.until(re.compile(r"\n\n› ?\Z"), "an idle prompt")

    def ended(self, code=0):
        end = time.monotonic() + self.WAIT
        after = self.folder / "after"
        while time.monotonic() < end and not (after.exists() and after.read_text()):
            time.sleep(0.02)
        self.assertEqual((self.folder / "code").read_text().strip(), str(code))
        settings = after.read_text()
        for word in ("icanon", "echo", "isig", "icrnl"):
            self.assertRegex(settings, rf"(?<![-\w]){word}\b")  # as it was found
        return self.shown()

    def pid(self):
        return int((self.folder / "pid").read_text())

    def test_a_reply_streams(self):
        (self.folder / "script.jsonl").write_text(PACED)
        self.chat("desk")
        self.say("a poem")
        screen = self.until("Roses are red and")
        self.assertNotIn("shows all of it", screen)
        self.assertRegex(screen, r"writing · \d s · Ctrl-C stops\n›")
        self.until("no/row/of")
        screen = self.idle()
        self.assertIn("› a poem\nRoses are red", screen)
        self.type("C-d")
        self.assertIn("goes on with", self.ended())

    def test_control_c_stops_the_turn_and_not_the_program(self):
        self.chat("desk")
        self.say("endless")
        self.until("waiting for scripted")
        self.type("C-c")
        self.until("cancelled")
        self.idle()
        self.say("hello")
        self.until("Good day.")
        self.idle()
        self.type("C-c")
        self.until("once more leaves")
        self.type("C-c")
        self.ended()

    def test_an_ask_is_answered_in_place(self):
        self.chat("desk")
        self.say("book it")
        screen = self.until("[y/N]")
        self.assertIn("? Book A1?\n    book  seat A1\n", screen)
        self.say("y")
        self.until("A1 is yours.")
        screen = self.idle()
        self.assertRegex(screen, r"✓ allowed by \w+")
        self.assertRegex(screen, r"✓ book  seat A1 +\d+ ms")
        self.assertEqual((self.agent / "ledger").read_text(), "booked\n")

    def test_a_message_typed_while_it_works_is_queued(self):
        self.chat("desk")
        self.say("slowly")
        self.until("waiting for scripted")
        self.say("second")
        self.tmux("send-keys", "-l", "thi")
        screen = self.until("queued: second\n› thi")
        self.assertNotIn("Slowly done.", screen)
        screen = self.until(re.compile(r"› second\nGood day\.\n.*\n\n› thi\Z"))
        self.assertRegex(screen, r"› slowly\nSlowly done\.\n")

    def test_a_session_is_resumed_with_its_inputs(self):
        self.chat("desk", "--session", "trip")
        self.say("hello there")
        self.until("Good day.")
        self.idle()
        self.type("C-d")
        self.ended()
        self.close()
        (self.folder / "after").unlink()
        self.chat("--session", "trip")  # the agent is that of the session
        self.until("› hello there\nGood day.\n")
        self.idle()
        self.type("Up")
        self.until(re.compile(r"\n› hello there\Z"))
        kept = self.folder / ".ragent" / "chat_history"
        self.assertEqual(kept.read_text(), "hello there\n")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)

    def test_a_narrow_window_and_one_that_changes(self):
        self.chat("desk", width=60)
        self.say("a poem")
        self.until("has/room/for")
        rows = self.idle().split("\n")
        self.assertIn("Roses are red and violets are blue, a window of sixty", rows)
        self.assertIn("columns shows all of it to you.", rows)
        self.assertIn("漢字" * 12, rows)
        self.assertTrue(all(len(row) < 60 for row in rows))
        typed = "one two three four five six seven eight nine ten eleven twelve"
        self.tmux("send-keys", "-l", typed)
        self.until("\n  " + typed[57:])
        for width in (44, 30, 70):
            self.tmux("resize-window", "-x", str(width), "-y", "24")
            inside = width - 3
            wanted = "› " + typed[:inside] + "\n  " + typed[inside:2 * inside].rstrip()
            screen = self.until(wanted.rstrip())
            self.assertEqual(screen.count("› one two"), 1, screen)  # nothing is left behind
        self.type("Enter")
        self.until("Good day.")

    def test_no_colours_where_not_wanted(self):
        self.chat("desk")
        self.say("hello")
        self.until("Good day.")
        self.assertIn("\x1b[", self.shown("-e"))
        self.close()
        self.chat("desk", before="NO_COLOR=1")
        self.say("hello")
        self.until("Good day.")
        self.assertNotIn("\x1b[", self.shown("-e"))

    def test_a_dumb_terminal_gets_lines(self):
        self.open(f"TERM=dumb {RAGENT} chat desk; sleep 60")
        self.until(">")
        self.say("hello")
        self.until("Good day.")
        self.say("book it")
        self.until("Book A1? [y/N]")
        self.say("y")
        self.until("A1 is yours.")
        self.assertNotIn("\x1b[", self.shown("-e"))

    def test_in_development_the_agent_is_read_again(self):
        self.chat("desk", "--dev")
        self.say("hello")
        self.until("Good day.")
        (self.agent / "agent.toml").write_text(AGENT.replace("Sell seats.", "Sell no seats."))
        self.say("hello again")
        self.until("agent reloaded: instructions")
        self.idle()
        (self.agent / "agent.toml").write_text(AGENT.replace("effect", "efect"))
        self.say("still there?")
        screen = self.until("kept until that is mended")
        self.assertRegex(screen, r"agent\.toml:\d+: .*efect")
        self.assertIn("› still there?\n", self.idle())
        self.type("C-d")
        self.ended()
        self.assertEqual(sorted(path.name for path in self.agent.iterdir()),
                         ["agent.toml", "book"])

    def test_a_pasted_block_is_one_message(self):
        self.chat("desk")
        self.tmux("set-buffer", "one\n\ttwo 漢字\nthree\x03")
        self.tmux("paste-buffer", "-p", "-r")
        self.until("› one\n    two 漢字\n  three")
        self.type("Enter")
        screen = self.until("Good day.")
        self.assertEqual(screen.count("Good day."), 1)
        self.say("first\\")
        self.say("second")
        self.until(re.compile(r"› first\n  second\nGood day\.\n"))

    def test_slash_commands(self):
        self.chat("desk")
        self.say("/modle x")
        self.until("did you mean /model?")
        self.type("C-u")
        self.tmux("send-keys", "-l", "/too")
        self.type("Tab", "Enter")
        self.until("Book a seat.")
        self.say("/model scripted:none.jsonl")
        self.say("hello")
        self.until("the model is again what it was")
        self.until(re.compile(r"\n› hello\Z"))  # to be sent again
        self.type("Enter")
        self.until("Good day.")
        self.say("/trace")
        self.until("think")

    def test_the_guide_has_every_command(self):
        guide = (ROOT / "docs" / "guide" / "chat.md").read_text().replace("\\|", "|")
        told = set(re.findall(r"^\| `(/\w+(?: [^`]+)?)` \|", guide, re.MULTILINE))
        self.chat("desk")
        self.say("/help")
        screen = self.until("/quit")
        self.assertEqual(set(re.findall(r"^  (/\w+(?: \S+)?)", screen, re.MULTILINE)), told)

    def test_suspended_and_gone_on_with(self):
        self.open("PS1='shell> ' bash --norc -i")
        self.until("shell>")
        self.say(f"{RAGENT} chat desk")
        self.until("/help")
        self.tmux("send-keys", "-l", "draft")
        self.until("› draft")
        self.type("C-z")
        self.until(re.compile(r"Stopped.*\nshell>"))
        self.say("stty -a | grep -o -- ' -*icanon'")
        self.until("\n icanon")
        self.say("fg")
        self.until(re.compile(r"\n› draft\Z"))
        self.type("Enter")
        self.until("Good day.")

    def test_a_crash_gives_the_terminal_back(self):
        self.chat("desk")
        os.kill(self.pid(), signal.SIGSEGV)
        self.ended(code=128 + signal.SIGSEGV)

    def test_a_signal_to_end_leaves_in_order(self):
        self.chat("desk")
        self.say("endless")
        self.until("waiting for scripted")
        os.kill(self.pid(), signal.SIGTERM)
        self.assertIn("the turn is kept", self.ended(code=128 + signal.SIGTERM))

    def test_two_terminals_on_one_home(self):
        self.chat("desk", "--session", "one")
        self.say("hello")
        self.until("Good day.")
        out, err = self.ragent("chat", "desk", "--session", "two", say="hi\n", timeout=self.WAIT)
        self.assertEqual(out.strip(), "Good day.", err)
        self.say("/sessions")
        self.until(re.compile(r"two +1 "))

    def test_a_stopped_owner_is_told(self):
        owner = self.start("run", "desk", "endless")
        self.wait_for(lambda: self.runs(), "a run")
        self.chat("desk", "--session", "two")
        self.say("endless")
        self.until("waiting for scripted")
        owner.send_signal(signal.SIGSTOP)
        self.until(f"process {owner.pid}, which owns the home, is stopped: `fg` lets it go on")
        owner.send_signal(signal.SIGCONT)
        self.until(re.compile(r"waiting for scripted.*\n›\Z"))

    def test_a_full_disk_is_waited_for(self):
        self.home.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.home],
                          capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs root")
        self.addCleanup(subprocess.run, ["umount", self.home], check=True)
        self.chat("desk", "--session", "one")
        self.say("hello")
        self.until("Good day.")
        ballast = self.home / "ballast"
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)
        for number in range(40):  # until the journal's log needs more room
            self.say(f"number {number} " + "x" * 4000)
            if "no space left on the device; make room" in self.shown():
                break
        self.until("no space left on the device; make room")
        time.sleep(3)  # longer than a command waits
        ballast.unlink()
        self.until(re.compile(r"Good day\.\s.*\n\n›\Z"))
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)
        self.say("last " + "x" * 9000)
        time.sleep(0.5)
        self.type("C-d")
        self.until("it is not sure that this was kept: last")
        pid = self.pid()
        self.type("C-c")
        self.wait_for(lambda: not alive(pid), "its end")


class Lines(Case):
    """Without a terminal."""

    def say_all(self, text, *words, code=0):
        return self.ragent("chat", *words, say=text, code=code)

    def test_each_line_is_answered(self):
        out, err = self.say_all("hi\n\nslowly\\\nnow\n", "desk", "--session", "s")
        self.assertEqual(out, "Good day.\n\nSlowly done.\n\n")
        self.assertNotIn("\x1b", out + err)
        self.assertIn("session s", err)
        out, _ = self.say_all("hi", "desk")  # also without an end of the line
        self.assertEqual(out, "Good day.\n\n")

    def test_it_stops_where_a_person_is_needed(self):
        out, err = self.say_all("book it\nhi\n", "desk", code=75)
        self.assertIn("Book A1?", err)
        self.assertIn("ragent asks ", err)
        self.assertNotIn("Good day.", out)

    def test_which_agent(self):
        self.assertIn("Good day.", self.say_all("hi\n")[0])  # the only one
        shutil.copytree(self.agent, self.folder / "agents" / "other")
        self.assertIn("in ./agents are desk, other", self.say_all("hi\n", code=1)[1])
        self.assertIn("did you mean `desk`?", self.say_all("hi\n", "dsek", code=1)[1])

    def test_mistakes(self):
        self.assertIn("a name of", self.say_all("", "desk", "--session", "a b", code=2)[1])
        _, err = self.say_all("hi\n", "desk", "--model", "scripted:none.jsonl", code=1)
        self.assertIn("none.jsonl", err)


if __name__ == "__main__":
    unittest.main()
