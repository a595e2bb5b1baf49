"""Models as people find them: the list, endpoints, weights by URL; and what a run takes with it."""
import hashlib
import http.server
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import threading
import time
import unittest

import case
from case import RAGENT

BUILT = pathlib.Path(RAGENT).parent
STUB = BUILT.parent / "bench" / "stub_model_server"

AGENT = """
[profile]
name = "desk"
instructions = "Answer."
"""
SCRIPT = """{"model": "scripted", "latency_ms": 1}
{"user": "hello"}
{"answer": "Good day."}
"""


class Host(http.server.BaseHTTPRequestHandler):
    """Gives FILES by path; BROKEN ends the connection in the middle of the first answer, SLOW lets
    one wait there."""
    files = {}
    broken = []
    ranges = []
    lengths = True
    slow = threading.Event()
    gone = threading.Event()

    def do_GET(self):
        body = self.files.get(self.path)
        if body is None:
            return self.send_error(404)
        begin = 0
        if self.headers["range"]:
            begin = int(self.headers["range"].removeprefix("bytes=").removesuffix("-"))
            self.ranges.append(begin)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("content-range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        if self.lengths:
            self.send_header("content-length", str(len(body) - begin))
        self.end_headers()
        cut = self.broken.pop() if self.broken else len(body)
        self.wfile.write(body[begin:max(begin, cut)])
        if self.slow.is_set():
            self.wfile.flush()
            self.gone.wait(30)

    def log_message(self, *_):
        pass


class Case(case.Case):
    def setUp(self):
        super().setUp()
        self.make_agent("desk", AGENT, SCRIPT)
        (self.folder / "cache").mkdir()
        self.environment["RAGENT_CACHE"] = str(self.folder / "cache")

    def stub(self, *words):
        process = subprocess.Popen([STUB, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"

    def host(self, **files):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        Host.files = {f"/{name}.gguf": body for name, body in files.items()}
        Host.broken, Host.ranges = [], []
        Host.slow, Host.gone = threading.Event(), threading.Event()
        Host.lengths = True
        self.addCleanup(Host.gone.set)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"


class List(Case):
    def test_what_is_here_and_what_fetches_the_rest(self):
        (self.folder / "cache/models").mkdir()
        (self.folder / "cache/models/smollm2-135m.gguf").write_bytes(b"GGUF" + b"x" * 1000)
        (self.folder / "cache/models/mine.gguf").write_bytes(b"GGUF")
        out, _ = self.ragent("models")
        self.assertRegex(out, r"local/default .* 1\.1 GB +scripts/setup --models default")
        self.assertRegex(out, r"local/tiny +smollm2-135m\.gguf +1\.0 kB +present")
        self.assertIn(str(self.folder / "cache/models/mine.gguf"), out)
        self.assertIn("OPENAI_API_KEY", out)
        lines = self.lines("models", "--json")
        tiny = next(line for line in lines if line["model"] == "local/tiny")
        self.assertEqual((tiny["present"], tiny["bytes"]), (True, 1004))
        self.assertEqual([line["model"] for line in lines if line["kind"] == "file"],
                         [str(self.folder / "cache/models/mine.gguf")])

    def test_endpoints_whose_keys_are_set(self):
        url = self.stub()
        out, _ = self.ragent("models", OPENAI_API_KEY="k", OPENAI_BASE_URL=url)
        self.assertRegex(out, rf"openai \({url}\)\n  \S+")
        names, _ = self.ragent("models", url)
        name = names.splitlines()[0]
        self.assertTrue(name.startswith(url + "#"), names)
        # What is listed is what --model takes.
        out, _ = self.ragent("run", "desk", "hello", "-q", "--model", name)
        self.assertTrue(out.strip())
        self.ragent("run", "desk", "hello", "-q", "--model", url + "#a/file.gguf")  # no file here
        lines = self.lines("models", "openai", "--json", OPENAI_BASE_URL=url)
        self.assertTrue(lines[0]["model"].startswith("openai/"))

    def test_one_that_does_not_answer_is_a_line_and_the_rest_goes_on(self):
        url = self.stub()
        out, _ = self.ragent("models", OPENAI_BASE_URL="http://127.0.0.1:9/v1",
                             RAGENT_MODEL=url + "#x", code=1)
        self.assertRegex(out, r"openai.*\n  error: ")
        self.assertIn(url, out)
        lines = self.lines("models", "--json", OPENAI_BASE_URL="http://127.0.0.1:9/v1", code=1)
        self.assertIn("error", lines[-1])

    def test_wrong_words(self):
        self.assertIn("needs a key", self.ragent("models", "openai", code=1)[1])
        self.assertIn("is no endpoint", self.ragent("models", "opnai", code=1)[1])
        self.assertIn("fetch what?", self.ragent("models", "fetch", code=1)[1])
        self.assertIn("scripts/setup --models small",
                      self.ragent("models", "fetch", "small", code=1)[1])

    def test_an_unknown_model_has_its_near_miss(self):
        (self.folder / "cache/models").mkdir()
        for name in ("smollm2-135m", "qwen25-coder-0.5b"):
            (self.folder / f"cache/models/{name}.gguf").write_bytes(b"GGUF")
        for words in (("run", "desk", "hello", "--model", "local/defualt"),
                      ("run", "desk", "hello", "--model", "local/defualt.gguf")):
            _, err = self.ragent(*words, code=1)
            self.assertIn("there is no model and no file", err)
            self.assertIn("did you mean local/default?", err)
            self.assertIn("; present: local/small, local/tiny", err)


class Weights(Case):
    BODY = b"GGUF" + bytes(range(256)) * 400

    def name(self, url, body=BODY):
        return f"{url}/x.gguf#sha256={hashlib.sha256(body).hexdigest()}"

    def test_fetched_by_name_and_resumed(self):
        url = self.host(x=self.BODY)
        Host.broken[:] = [5000]
        out, err = self.ragent("models", "fetch", self.name(url))
        file = pathlib.Path(out.strip())
        self.assertEqual(file.read_bytes(), self.BODY)
        self.assertEqual(file.parent, self.folder / "cache/models")
        self.assertEqual(Host.ranges, [5000])
        self.assertIn("fetching " + url, err)
        Host.files = {}
        self.assertEqual(self.ragent("models", "fetch", self.name(url))[0], out)

    def test_a_run_fetches_before_it_begins(self):
        url = self.host(x=self.BODY)
        # It is no model, which only the engine finds out; the file is here then.
        _, err = self.ragent("run", "desk", "hello", "--model", self.name(url), code=1)
        self.assertIn("fetching " + url, err)
        self.assertIn("expected the weights of a language model", err)
        self.assertEqual(len(list((self.folder / "cache/models").iterdir())), 1)
        _, err = self.ragent("chat", "desk", "--model", self.name(url, b"GGUF other"), code=1)
        self.assertIn("has another hash", err)

    def stop_at(self, progress, *words):
        """Ctrl-C where the terminal shows so much."""
        terminal, end = pty.openpty()
        self.addCleanup(os.close, terminal)
        with subprocess.Popen([RAGENT, *words], cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=end) as process:
            os.close(end)
            shown = b""
            while progress not in shown:
                shown += os.read(terminal, 4096)
            self.assertIn(b"fetching x.gguf, ", shown)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(10), 130)
            self.assertIn(b"stopped; what came of", os.read(terminal, 4096))

    def test_progress_and_a_stop(self):
        url = self.host(x=self.BODY)
        Host.slow.set()
        for words in (("chat", "--model"), ("run", "desk", "hello", "--model"), ("models", "fetch")):
            for part in (self.folder / "cache").glob("models/*.part"):
                part.unlink()
            Host.broken[:] = [51_000]
            self.stop_at(b"51 kB of 102 kB", *words, self.name(url))
            (part,) = (self.folder / "cache/models").glob("*.part")
            self.assertEqual(part.read_bytes(), self.BODY[:51_000])
        Host.slow.clear()
        out, _ = self.ragent("models", "fetch", self.name(url))
        self.assertEqual(pathlib.Path(out.strip()).read_bytes(), self.BODY)
        self.assertEqual(Host.ranges, [51_000])

    def test_a_full_disk(self):
        body = b"GGUF" + bytes(2_000_000)
        url = self.host(x=body)
        models = self.folder / "cache/models"
        models.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", models],
                          capture_output=True).returncode != 0:
            self.skipTest("mounting a small file system needs root")
        self.addCleanup(subprocess.run, ["umount", models], check=True)
        _, err = self.ragent("models", "fetch", self.name(url, body), code=1)
        self.assertRegex(err, r"no room for \S+: 2 MB more are needed, 1 MB are free; make room")
        Host.lengths = False  # then only the disk tells
        _, err = self.ragent("models", "fetch", self.name(url, body), code=1)
        self.assertIn("No space left on device; what came is kept", err)
        subprocess.run(["mount", "-o", "remount,size=4m", models], check=True)
        self.ragent("models", "fetch", self.name(url, body))
        self.assertGreater(Host.ranges[-1], 900_000)

    def test_errors(self):
        url = self.host(x=self.BODY)
        other = "0" * 64
        _, err = self.ragent("models", "fetch", f"{url}/x.gguf#sha256={other}", code=1)
        self.assertIn(other, err)
        self.assertIn(hashlib.sha256(self.BODY).hexdigest(), err)
        _, err = self.ragent("models", "fetch", f"{url}/y.gguf#sha256={other}", code=1)
        self.assertIn("nothing lies there (404)", err)
        _, err = self.ragent("models", "fetch", f"{url}/x.gguf", code=1)
        self.assertIn("names no hash", err)
        self.assertEqual(list((self.folder / "cache/models").iterdir()), [])


class Run(Case):
    def setUp(self):
        super().setUp()
        self.environment["RAGENT_MODEL"] = "scripted:script.jsonl"

    def test_the_task_from_standard_input(self):
        self.assertIn("Good day.", self.ragent("run", "desk", "-", "-q", say="hello\n")[0])
        self.assertIn("got nothing", self.ragent("run", "desk", "-", say=" \n", code=1)[1])
        _, err = self.ragent("run", "desk", "-", say="x" * 1_100_000, code=1)
        self.assertIn("longer than", err)

    def test_images_belong_to_the_task(self):
        (self.folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
        (self.folder / "b.webp").write_bytes(b"RIFF\x04\0\0\0WEBPrest")
        (self.folder / "c.txt").write_text("words")
        run = self.lines("run", "desk", "--image", "a.png", "hello", "--image", "b.webp", "--json",
                         "--model", self.stub() + "#sees")[-1]["run"]
        records = self.ragent("trace", run, "--jsonl")[0]
        self.assertIn("image/png", records)
        self.assertIn("image/webp", records)
        self.assertIn("is no PNG, JPEG, GIF or WebP image",
                      self.ragent("run", "desk", "hello", "--image", "c.txt", code=1)[1])
        self.assertIn("none.png",
                      self.ragent("run", "desk", "hello", "--image", "none.png", code=1)[1])

    def test_costs_of_an_endpoint_with_a_price(self):
        url = self.stub()
        prices = self.folder / "prices.json"
        prices.write_text(json.dumps({f"{url}#paid": {"input": 2000, "output": 10000}}))
        known = {"RAGENT_PRICES": "prices.json"}
        end = self.lines("run", "desk", "hello", "--json", "--model", url + "#paid", **known)[-1]
        used = end["usage"]
        cost = 2_000_000 * used["tokens_input"] + 10_000_000 * used["tokens_output"]
        self.assertEqual(used["cost_nanodollars"], cost)
        self.assertGreater(cost, 10_000_000)
        shown = f"${cost / 1e9:.2f}" if cost >= 100_000_000 else f"${cost / 1e9:.3f}"
        # It was decided then: other prices change nothing of it.
        prices.write_text("{}")
        self.assertIn(shown, self.ragent("trace", end["run"], **known)[0])
        self.assertEqual(self.runs()[0]["usage"], used)
        self.assertIn(shown, self.ragent("runs")[0])
        _, err = self.ragent("run", "desk", "hello", "--model", url + "#other", **known)
        self.assertNotIn("$", err)
        listed = self.lines("models", url, "--json")
        self.assertNotIn("price", listed[0])
        prices.write_text(json.dumps({f"{url}#stub": {"input": 1, "output": 2}}))
        listed = self.lines("models", url, "--json", **known)
        self.assertEqual(listed[0]["price"], {"input": 1, "cached": 1, "written": 1, "output": 2})
        prices.write_text(json.dumps({f"{url}#stub": {"input": 1, "outputs": 2}}))
        for words in (["models"], ["run", "desk", "hello", "--model", url + "#stub"]):
            _, err = self.ragent(*words, code=1 if words == ["models"] else None, **known)
            self.assertIn("did you mean output?", err)

    def test_recorded_and_said_again(self):
        self.ragent("run", "desk", "hello", "--record", "kept.jsonl")
        out, _ = self.ragent("run", "desk", "hello", "-q", "--model", "recorded:kept.jsonl")
        self.assertIn("Good day.", out)

    def test_forgotten_quotes(self):
        _, err = self.ragent("run", "desk", "what", "does", "it", "cost", code=2)
        self.assertIn("put the task in quotes", err)


class Completion(Case):
    def complete(self, *words):
        (self.folder / "ragent.bash").write_text(self.ragent("completion", "bash")[0])
        script = (f"source ragent.bash; COMP_WORDS=({' '.join(map(repr, words))}); "
                  f"COMP_CWORD={len(words) - 1}; _ragent; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        path = f"{BUILT}:{self.environment['PATH']}"
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True,
                              env={**self.environment, "PATH": path}, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        self.assertEqual(self.complete("ragent", "tr"), ["trace"])
        self.assertEqual(self.complete("ragent", "run", "de"), ["desk"])
        self.assertIn("--budget-steps", self.complete("ragent", "run", "desk", "--b"))
        self.assertEqual(self.complete("ragent", "runs", "--in"), ["--in-doubt"])
        run = self.lines("run", "desk", "hello", "--json",
                         RAGENT_MODEL="scripted:script.jsonl")[-1]["run"]
        self.assertEqual(self.complete("ragent", "trace", run[:4]), [run])

    def test_a_name_is_never_a_command(self):
        agent = self.folder / "agents" / "$(touch owned)"
        agent.mkdir()
        (agent / "agent.toml").write_text("")
        self.assertIn("desk", self.complete("ragent", "run", ""))
        self.assertFalse((self.folder / "owned").exists())

    @unittest.skipUnless(shutil.which("fish"), "fish is not here: scripts/setup installs it")
    def test_fish(self):
        (self.folder / "ragent.fish").write_text(self.ragent("completion", "fish")[0])

        def complete(line):
            done = subprocess.run(["fish", "--no-config", "-c",
                                   f"source ragent.fish; complete -C '{line}'"], text=True,
                                  cwd=self.folder, capture_output=True, check=True,
                                  env={**self.environment, "HOME": str(self.folder),
                                       "PATH": f"{BUILT}:{self.environment['PATH']}"})
            self.assertEqual(done.stderr, "")
            return done.stdout.split()

        self.assertEqual(complete("ragent tr"), ["trace"])
        self.assertEqual(complete("ragent run de"), ["desk"])
        self.assertIn("--budget-steps", complete("ragent run desk --b"))
        run = self.lines("run", "desk", "hello", "--json",
                         RAGENT_MODEL="scripted:script.jsonl")[-1]["run"]
        self.assertEqual(complete(f"ragent trace {run[:4]}"), [run])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not here: scripts/setup installs it")
    def test_zsh(self):
        (self.folder / "ragent.zsh").write_text(self.ragent("completion", "zsh")[0])
        terminal, shell = pty.openpty()
        process = subprocess.Popen(["zsh", "-f", "-i"], cwd=self.folder, stdin=shell, stdout=shell,
                                   stderr=shell, start_new_session=True,
                                   env={**self.environment, "TERM": "dumb", "PS1": "> "})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(os.close, terminal)
        os.close(shell)
        heard = ""

        def typed(keys, expected):
            nonlocal heard
            heard = ""
            os.write(terminal, keys.encode())
            end = time.monotonic() + self.WAIT
            while expected not in heard and time.monotonic() < end:
                if select.select([terminal], [], [], 0.1)[0]:
                    heard += os.read(terminal, 65536).decode()
            self.assertIn(expected, heard)

        # What is completed is run: by a function that tells it.
        typed("autoload -U compinit && compinit -u -D && source ragent.zsh\n"
              "ragent() { print -r -- \"ran: $*.\" }\nprint -r -- rea''dy\n", "ready\r\n")
        typed("ragent tra\t\n", "ran: trace.")
        typed("ragent run de\t\n", "ran: run desk.")
        typed("ragent run desk --budget-s\t\n", "ran: run desk --budget-steps.")

    def test_every_shell_has_every_command(self):
        for shell in ("bash", "zsh", "fish"):
            out, _ = self.ragent("completion", shell)
            for word in ("models", "completion", "did-not-happen", "trace"):
                self.assertIn(word, out)
            self.assertNotIn("@", out.replace('"$@"', "").replace("COMPREPLY[@]", ""))
        self.assertIn("bash, zsh or fish", self.ragent("completion", "tcsh", code=2)[1])


class Mends(Case):
    """What a newcomer does wrong, and is told."""

    def test_no_agent(self):
        (self.folder / "empty").mkdir()
        _, err = self.ragent("run", "desks/x", "hello", code=1)
        self.assertNotIn("ragent new", err)
        (self.folder / "agents/desk/agent.toml").unlink()
        _, err = self.ragent("run", "shop", "hello", code=1)
        self.assertIn(f"neither ./shop nor ./agents/shop in {self.folder.resolve()}", err)
        self.assertIn("`ragent new shop` makes one", err)

    def test_an_empty_home_is_named(self):
        self.assertIn("in the home elsewhere.", self.ragent("runs", "--home", "elsewhere")[0])

    def test_the_planner_has_its_line(self):
        file = self.folder / "agents/desk/agent.toml"
        file.write_text('# mine\nplanner = "raect"\n' + AGENT)
        for words in (("check", "desk"), ("run", "desk", "hello")):
            _, err = self.ragent(*words, code=1)
            self.assertIn("agents/desk/agent.toml:2: planner: there is no planner `raect`", err)
        file.write_text("planner = react\n" + AGENT)
        _, err = self.ragent("check", "desk", code=1)
        self.assertIn('text stands in quotes: planner = "react"', err)

    def test_a_column_that_is_not_there(self):
        folder = self.folder / "agents/desk"
        (folder / "seat.csv").write_text("id,price\nA1,10\n")
        (folder / "agent.toml").write_text(
            AGENT + '[tools.seats]\ndescription = "Seats."\nsql = "select pirce from seat"\n')
        _, err = self.ragent("check", "desk", code=1)
        self.assertIn("no such column: pirce; columns: seat(id, price)", err)


if __name__ == "__main__":
    unittest.main()
