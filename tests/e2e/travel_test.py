"""agents/travel without a model: its data, its queries, its programs, and the checker of runs."""
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "agents" / "travel"
CASES = ROOT / "tests" / "travel"
sys.dont_write_bytecode = True
sys.path.insert(0, str(CASES))
import check  # noqa: E402


def load(name):
    with (AGENT / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


class Tables:
    """The agent's CSV files and queries in SQLite, columns with integers as integers."""

    def __init__(self):
        self.tools = tomllib.loads((AGENT / "agent.toml").read_text(encoding="utf-8"))["tools"]
        self.database = sqlite3.connect(":memory:")
        for name in ("airports", "flights", "places"):
            head, *rows = load(name + ".csv")
            self.database.execute(f"create table {name}({', '.join(c + ' numeric' for c in head)})")
            self.database.executemany(f"insert into {name} values({', '.join('?' * len(head))})", rows)

    def query(self, tool, **arguments):
        cursor = self.database.execute(self.tools[tool]["sql"], arguments)
        return [dict(zip((c[0] for c in cursor.description), row)) for row in cursor]

    def flights(self, origin, destination, date):
        return self.query("search_flights", **{"from": origin, "to": destination, "date": date})


TABLES = Tables()


def call(program, payload, *arguments, **environment):
    done = subprocess.run([AGENT / program, *arguments], input=json.dumps(payload), text=True, timeout=20,
                          capture_output=True, env={"PATH": os.environ["PATH"], **environment}, check=True)
    return json.loads(done.stdout)


class Data(unittest.TestCase):
    def test_ids_are_unique_and_every_route_has_a_flight_each_day(self):
        flights = load("flights.csv")[1:]
        self.assertEqual(len({row[0] for row in flights}), len(flights))
        daily = {(row[1], row[2]) for row in flights if row[5] == "1234567"}
        self.assertEqual(daily, {(row[1], row[2]) for row in flights})

    def test_flights_and_places_name_known_airports(self):
        known = {row[0] for row in load("airports.csv")[1:]}
        self.assertLessEqual({row[1] for row in load("places.csv")[1:]}, known)
        self.assertLessEqual({code for row in load("flights.csv")[1:] for code in row[1:3]}, known)


class Queries(unittest.TestCase):
    def test_a_place_is_a_city_a_code_or_another_spelling(self):
        expected = TABLES.flights("ZRH", "MUC", "2027-05-04")
        self.assertTrue(expected)
        for origin in ("Zurich", "zürich", "Zürich", "Zurich, Switzerland", " zrh "):
            for destination in ("munich", "München", "MUENCHEN"):
                self.assertEqual(TABLES.flights(origin, destination, "2027-05-04"), expected)

    def test_a_city_has_several_airports_and_flights_come_cheapest_first(self):
        rows = TABLES.flights("London", "New York", "2027-05-04")
        self.assertEqual(rows, sorted(rows, key=lambda row: int(row["price"].split()[0])))
        self.assertGreater(len({row["route"] for row in rows}), 1)

    def test_no_flight_and_no_place_are_empty(self):
        self.assertEqual(TABLES.flights("Atlantis", "Munich", "2027-05-04"), [])
        self.assertEqual(TABLES.query("distance", **{"from": "Munich", "to": "Atlantis"}), [])

    def test_fares_and_ids_change_with_the_date(self):
        days = [TABLES.flights("PRG", "MUC", f"2027-01-{day:02d}") for day in range(1, 29)]
        self.assertGreater(len({rows[0]["price"] for rows in days}), 10)
        ids = [row["id"] for rows in days for row in rows]
        self.assertEqual(len(set(ids)), len(ids))

    def test_distance(self):
        row, = TABLES.query("distance", **{"from": "JFK", "to": "LHR"})
        self.assertAlmostEqual(row["km"], 5540, delta=10)  # great circle

    def test_airports_by_city_name_and_country(self):
        self.assertEqual(TABLES.query("search_airports", text="heathrow")[0]["code"], "LHR")
        iceland = TABLES.query("search_airports", text="iceland")
        self.assertEqual({row["code"] for row in iceland}, {"KEF", "AEY"})


class Examples(unittest.TestCase):
    def test_the_examples_of_the_profile_are_what_the_tools_answer(self):
        agent = tomllib.loads((AGENT / "agent.toml").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            for example in agent["profile"]["examples"]:
                for step in example.get("calls", []):
                    if "sql" in TABLES.tools[step["tool"]]:
                        got = TABLES.query(step["tool"], **step["args"])
                    else:
                        got = call(step["tool"], step["args"], RAGENT_LEDGER=f"{folder}/ledger")
                    if step["tool"] == "book":  # the reference counts the ledger's bookings
                        got["reference"] = step["result"]["reference"]
                    self.assertEqual(got, step["result"], example["user"])


class Programs(unittest.TestCase):
    def test_calculate(self):
        right = {"812 / 200": 4.06, "18% of 2450": 441, "1,200 * 3": 3600, "2 ^ 10": 1024, "-3 ^ 2": -9,
                 "(10 + 20 + 60) / 3": 30, "0.1 + 0.2": 0.3, "2 ** 3": 8}
        for expression, value in right.items():
            self.assertEqual(call("calculate", {"expression": expression}), {"value": value})
        wrong = ("1 / 0", "9 ^ 9 ^ 9", "2 +", "os.exit()", "(" * 150, "1 " * 150, "10 ^ 400", "(-8) ^ 0.5", "")
        for expression in wrong:
            self.assertIn("error", call("calculate", {"expression": expression}), expression)

    def test_local_time(self):
        got = call("local_time", {"place": "Reykjavík"})
        self.assertEqual(got["place"], "Reykjavik, Iceland")  # no summer time: always UTC
        told = time.strptime(got["time"] + " UTC", "%a %Y-%m-%d %H:%M %Z")
        now = time.gmtime(time.time())
        self.assertLess(abs(time.mktime(now) - time.mktime(told)), 120)
        self.assertIn("error", call("local_time", {"place": "Atlantis"}))


class Book(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = {"RAGENT_LEDGER": f"{self.folder.name}/ledger"}
        self.flight = TABLES.flights("Prague", "Munich", "2027-01-09")[0]

    def tearDown(self):
        self.folder.cleanup()

    def book(self, key, **environment):
        return call("book", {"flight": self.flight["id"]}, RAGENT_KEY=key, **self.ledger, **environment)

    def query(self, key, **environment):
        return call("book", {"key": key, "arguments": {}}, "--query", **self.ledger, **environment)["state"]

    def lines(self):
        path = Path(self.ledger["RAGENT_LEDGER"])
        return path.read_text().splitlines() if path.exists() else []

    def test_price_is_that_of_the_search_on_days_of_a_whole_year(self):
        pairs = (("Prague", "Munich"), ("London", "New York"), ("Sydney", "Auckland"))
        for number, (origin, destination) in enumerate(pairs * 4):
            for row in TABLES.flights(origin, destination, f"2028-{number + 1:02d}-{2 * number + 7:02d}"):
                self.flight = row
                receipt = self.book("k")
                self.assertEqual((receipt["booked"], receipt["price"], receipt["departs"]),
                                 (row["id"], row["price"], row["departs"]))

    def test_the_ledger_never_forgives_a_second_call(self):
        self.book("k")
        self.assertEqual(self.book("k")["reference"], "R1001")
        self.assertEqual(len(self.lines()), 2)

    def test_query(self):
        self.assertEqual(self.query("k"), "cannot_happen")
        self.book("k")
        self.assertEqual(self.query("k"), "happened")
        self.assertEqual(self.query("other"), "cannot_happen")
        later = str(int(time.time() * 1000) + 60_000)
        self.assertEqual(self.query("other", RAGENT_NOT_AFTER=later), "unknown")

    def test_refuses_what_it_cannot_book(self):
        for flight in ("hello", "ZZ1-9JAN27", "-9JAN27", "", "WD809-9FOO27", "WD809-31FEB27"):
            self.flight = {"id": flight}
            self.assertIn("error", self.book("k"), flight)
        self.flight = TABLES.flights("Prague", "Munich", "2027-01-09")[0]
        self.assertIn("too late", self.book("k", RAGENT_NOT_AFTER="1000")["error"])
        self.assertEqual(self.lines(), [])

    def killed(self, when, **environment):
        """Kills a booking as soon as when(its process id) is true."""
        process = subprocess.Popen([AGENT / "book"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env={"RAGENT_KEY": "k", **self.ledger, **environment})
        process.stdin.write(json.dumps({"flight": self.flight["id"]}))
        process.stdin.close()
        self.wait_for(lambda: when(process.pid))
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.stdout.read(), "")
        process.stdout.close()
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def wait_for(self, condition):
        deadline = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited too long")
            time.sleep(0.01)

    def test_pause_after_leaves_a_booking_without_an_answer(self):
        self.killed(lambda _: self.lines(), RAGENT_BOOK_PAUSE="after:30")
        self.assertEqual(self.query("k"), "happened")

    def test_pause_before_leaves_nothing(self):
        self.killed(lambda _: True, RAGENT_BOOK_PAUSE="before:30")
        self.assertEqual(self.query("k"), "cannot_happen")

    def test_a_slow_airline_keeps_its_time_limit(self):
        self.assertEqual(self.book("a", RAGENT_BOOK_DELAY="0.1")["reference"], "R1000")
        soon = str(int(time.time() * 1000) + 50)
        late = self.book("b", RAGENT_BOOK_DELAY="0.2", RAGENT_NOT_AFTER=soon)
        self.assertIn("too late", late["error"])
        self.assertEqual(len(self.lines()), 1)

    def test_a_slow_airline_books_when_its_caller_is_gone(self):
        def told(pid):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return any(b"--land" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children)

        self.killed(told, RAGENT_BOOK_DELAY="0.5")
        self.assertEqual(self.lines(), [])
        self.wait_for(self.lines)
        self.assertEqual(self.query("k"), "happened")

    def test_parallel_bookings_are_all_there(self):
        text = json.dumps({"flight": self.flight["id"]})
        running = [subprocess.Popen([AGENT / "book"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                    env={"RAGENT_KEY": str(i), **self.ledger}) for i in range(8)]
        receipts = [json.loads(process.communicate(text, timeout=20)[0]) for process in running]
        self.assertEqual(len({receipt["reference"] for receipt in receipts}), 8)
        self.assertEqual({json.loads(line)["key"] for line in self.lines()}, {str(i) for i in range(8)})

    def test_list_and_receipt(self):
        self.book("k1")
        self.book("k1")
        listing = subprocess.run([AGENT / "book", "--list"], env=self.ledger, text=True, capture_output=True,
                                 check=True)
        self.assertTrue(listing.stdout.endswith("\n2 bookings, 1 of a flight more than once\n"), listing.stdout)
        self.assertEqual(call("book", {}, "--receipt", "k1", **self.ledger)["reference"], "R1000")
        self.assertIn("error", call("book", {}, "--receipt", "k2", **self.ledger))


def record(kind, **body):
    return json.dumps({"event": "step", "record": kind, "phase": "outcome", "body": body})


def search(date="2027-03-06"):
    rows = [{"id": "A-1", "price": "47 EUR"}, {"id": "B-1", "price": "50 EUR"}]
    return record("act", tool="search_flights", arguments={"from": "helsinki", "to": "ARN", "date": date},
                  observation={"status": "done", "value": rows})


def book(flight="A-1", status="done"):
    return record("act", tool="book", arguments={"flight": flight},
                  observation={"status": status, "value": {"reference": "R1"}})


class Checker(unittest.TestCase):
    def setUp(self):
        cases = json.loads((CASES / "questions.json").read_text(encoding="utf-8"))["cases"]
        self.cases = {case["id"]: case for case in cases}

    def score(self, case_id, *lines):
        opened = record("open", date="(Today is Wednesday 2026-11-25.)")
        return check.score(self.cases[case_id], check.Run([opened, *lines]))

    def test_a_right_booking(self):
        got = self.score("book-helsinki", search(), book(), record("final", text="Booked, R1."))
        self.assertEqual((got["tools"], got["arguments"], got["answer"], got["unasked"]), (True, True, True, 0))

    def test_wrong_flight_date_and_order(self):
        self.assertFalse(self.score("book-helsinki", search(), book("B-1"))["arguments"])
        self.assertFalse(self.score("book-helsinki", search("2026-03-06"), book())["arguments"])
        self.assertFalse(self.score("book-helsinki", book(), search())["tools"])
        self.assertFalse(self.score("book-helsinki", search())["tools"])

    def test_a_repeated_read_counts_once_and_a_second_booking_is_unasked(self):
        self.assertTrue(self.score("book-helsinki", search(), search(), book())["tools"])
        self.assertEqual(self.score("book-helsinki", search(), book(), book())["unasked"], 1)

    def test_an_unasked_booking(self):
        day = search("2027-03-07")
        self.assertEqual(self.score("price-helsinki", day, book())["unasked"], 1)
        got = self.score("price-helsinki", day, book(status="refused"), record("final", text="47 euros."))
        self.assertEqual((got["tools"], got["answer"], got["unasked"]), (True, True, 0))

    def test_no_tool_needed(self):
        self.assertTrue(self.score("greeting", record("final", text="Hello!"))["arguments"])
        self.assertFalse(self.score("greeting", search())["tools"])

    def test_the_scripted_replies_have_every_tool_and_argument_right(self):
        dialogues = []
        for line in (CASES / "scripted.jsonl").read_text(encoding="utf-8").splitlines():
            if line.startswith('{"user"'):
                dialogues.append((json.loads(line)["user"], []))
            elif not line.startswith("#"):
                dialogues[-1][1].append(json.loads(line))
        with tempfile.TemporaryDirectory() as folder:
            for case in self.cases.values():
                replies = next(replies for user, replies in dialogues if user in case["question"])
                lines = [self.acted(reply, folder) for reply in replies]
                got = check.score(case, check.Run(lines, check.datetime.date(2026, 11, 25)))
                self.assertEqual((got["tools"], got["arguments"], got["unasked"]), (True, True, 0), case["id"])

    @staticmethod
    def acted(reply, folder):
        if "answer" in reply:
            return record("final", text=reply["answer"])
        tool, arguments = reply["tool"], reply["args"]
        value = (TABLES.query(tool, **arguments) if "sql" in TABLES.tools[tool]
                 else call(tool, arguments, RAGENT_LEDGER=f"{folder}/ledger"))
        return record("act", tool=tool, arguments=arguments, observation={"status": "done", "value": value})


if __name__ == "__main__":
    unittest.main()
