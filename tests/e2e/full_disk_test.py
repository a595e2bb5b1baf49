"""A home on a disk that is full, or that lost its journal: one clear error, and nothing that was
acknowledged is lost."""
import json
import os
import subprocess
import unittest

import case

AGENT = """
planner = "react"
budget = { steps = 100 }
[profile]
name = "clerk"
instructions = "Write down what you are told."
[tools.put]
description = "Write a text down."
effect = "idempotent"
args = { text = "string: what" }
exec = "./put"
"""
PUT = "#!/bin/sh\nread -r ignored\necho '{\"ok\": true}'\n"
CALLS = 20
LONG = "x" * 15_000  # an argument: 20 calls take more than 600 kB of the journal's log


class Home(case.Case):
    def setUp(self):
        super().setUp()
        call = json.dumps({"calls": [{"tool": "put", "args": {"text": LONG}}]})
        script = ['{"model": "scripted"}', '{"user": "hello"}', '{"answer": "Good day."}',
                  '{"user": "much"}', *[call] * CALLS, '{"answer": "All written."}', ""]
        self.make_agent("clerk", AGENT, "\n".join(script), put=PUT)
        self.home = self.folder / "home"
        self.environment |= {"RAGENT_MODEL": "scripted:script.jsonl", "RAGENT_HOME": "home"}


class FullDisk(Home):
    def setUp(self):
        super().setUp()
        self.home.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.home],
                          capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs root")
        self.addCleanup(subprocess.run, ["umount", self.home], check=True)

    def leave(self, kilobytes):
        """Fills the disk but for so much."""
        (self.home / "ballast").unlink(missing_ok=True)
        there = os.statvfs(self.home)
        free = there.f_bavail * there.f_bsize
        (self.home / "ballast").write_bytes(bytes(max(0, free - kilobytes * 1024)))

    def refused(self, *words):
        """The error that the command must end with."""
        error = self.ragent(*words, code=1)[1].splitlines()[-1]
        self.assertRegex(error, r"^error: home/\S+: no space left on the device; make room")
        return error

    def test_a_home_that_cannot_be_made_can_be_made_later(self):
        for kilobytes in (0, 60, 120):
            self.leave(kilobytes)
            self.refused("run", "clerk", "hello")
        (self.home / "ballast").unlink()
        self.assertIn("Nothing ran here yet", self.ragent("runs")[0])
        self.assertEqual(self.ragent("run", "clerk", "hello", "--quiet")[0], "Good day.\n")

    def test_a_run_in_the_midst_of_it_goes_on_with_room(self):
        self.leave(500)
        out, err = self.ragent("run", "clerk", "much", "--json", code=1)
        self.assertRegex(err.splitlines()[-1], r"^error: home/journal\.db: no space left on the "
                         r"device; make room; what was acknowledged is kept")
        shown = [json.loads(line) for line in out.splitlines()]
        acknowledged = {event["id"]: event["record"] for event in shown if event.get("id")}
        self.assertGreater(len(acknowledged), 5)
        (run,) = self.runs()
        self.assertEqual(run["state"], "working")
        self.refused("resume")  # still full
        (self.home / "ballast").unlink()
        result = self.lines("resume", run["run"], "--json")[-1]
        self.assertEqual(result["answer"], "All written.")
        kept = {record["n"]: record["kind"] for record in self.lines("trace", run["run"], "--jsonl")}
        self.assertEqual({n: kept.get(n) for n in acknowledged}, acknowledged)

    def test_what_was_answered_stays_readable(self):
        self.ragent("run", "clerk", "hello")
        self.leave(0)
        self.refused("run", "clerk", "hello")
        (self.home / "ballast").unlink()
        (run,) = self.runs()
        self.assertEqual(run["outcome"], "answered")
        self.ragent("run", "clerk", "hello")
        self.assertEqual(len(self.runs()), 2)


class LostJournal(Home):
    def test_it_is_told_also_when_nothing_else_shows_it(self):
        self.ragent("run", "clerk", "hello")
        (self.home / "journal.db").unlink()
        for path in (self.home / "tenants").iterdir():
            path.unlink()
        for words in (["run", "clerk", "hello"], ["runs"], ["resume"], ["trace", "0"], ["asks"]):
            error = self.ragent(*words, code=1)[1]
            self.assertRegex(error, r"journal\.db is missing, but \S+/lock names it: restore")


if __name__ == "__main__":
    unittest.main()
