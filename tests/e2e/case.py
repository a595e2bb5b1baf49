"""What the tests of the ragent command share: a folder with an agent and the script of its model,
the real program run there, and waiting for what is sure to come."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RAGENT = str(pathlib.Path(os.environ.get("RAGENT_BIN", "build/bin/ragent")).resolve())


def environment(**more):
    """That of the tests, but for what would change what the command does."""
    left_out = ("RAGENT_", "OPENAI_", "ANTHROPIC_", "TMUX", "NO_COLOR")
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(left_out) and "proxy" not in key.lower()}
    return kept | more


class Case(unittest.TestCase):
    WAIT = 30  # seconds, for a condition …
    COMMAND = 60  # … and a command

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.home = self.folder / ".ragent"
        self.environment = environment()

    def make_agent(self, name, text, script, **programs):
        """agents/NAME with its programs, and script.jsonl of its model."""
        self.agent = self.folder / "agents" / name
        self.agent.mkdir(parents=True)
        (self.agent / "agent.toml").write_text(text)
        for program, source in programs.items():
            (self.agent / program).write_text(source)
            (self.agent / program).chmod(0o755)
        (self.folder / "script.jsonl").write_text(script)

    def start(self, *words, folder=None):
        process = subprocess.Popen([RAGENT, *words], cwd=folder or self.folder,
                                   env=self.environment, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def ragent(self, *words, code=0, say="", folder=None, timeout=None, **variables):
        """Both outputs of a command that leaves with `code`; None: with any."""
        done = subprocess.run([RAGENT, *words], cwd=folder or self.folder,
                              env=self.environment | variables, input=say, capture_output=True,
                              text=True, timeout=timeout or self.COMMAND)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{words}\n{done.stdout[-2000:]}\n{done.stderr}")
        return done.stdout, done.stderr

    def lines(self, *words, code=0, **more):
        """What it prints with --json, a value a line."""
        return [json.loads(line) for line in self.ragent(*words, code=code, **more)[0].splitlines()]

    def runs(self):
        return self.lines("runs", "--json")

    def ledger(self):
        """The lines that programs of the agent left in its folder."""
        path = self.agent / "ledger"
        return path.read_text().split() if path.exists() else []

    def wait_for(self, condition, what):
        end = time.monotonic() + self.WAIT
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.02)
        self.fail(f"waited {self.WAIT} s for {what}")
