"""One progress bar with the time left; plain lines where stderr is no terminal."""
import sys
import time

BAR = 24


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """Work is counted in expected seconds, each kind of work with a rate that is corrected by what
    is measured: add(kind, amount, rate), then done(kind, amount)."""

    def __init__(self, title, stream=sys.stderr):
        self.title = title
        self.stream = stream
        self.live = stream.isatty()
        self.kinds = {}
        self.text = ""
        self.drawn = 0.0

    def add(self, kind, amount, rate):
        entry = self.kinds.setdefault(kind, {"all": 0.0, "done": 0.0, "rate": rate, "spent": 0.0})
        entry["all"] += amount

    def say(self, text):
        """What is being done now: the bar's text, or a line of its own."""
        if text == self.text:
            return
        self.text = text
        if self.live:
            self.draw(force=True)
        else:
            print(f"{self.title}: {text}", file=self.stream, flush=True)

    def at(self, kind, amount, spent):
        """`amount` of this kind is done after `spent` seconds of working at it."""
        entry = self.kinds[kind]
        entry["done"] = min(amount, entry["all"])
        entry["spent"] = spent
        self.draw()

    def seconds(self):
        """(expected seconds in all, seconds left), by the rates measured so far."""
        total = left = 0.0
        for entry in self.kinds.values():
            rate = entry["rate"]
            if entry["spent"] > 3 and entry["done"] > 0:
                rate = entry["done"] / entry["spent"]
            total += entry["all"] / rate
            left += (entry["all"] - entry["done"]) / rate
        return total, left

    def draw(self, force=False):
        now = time.monotonic()
        if not self.live or (not force and now - self.drawn < 0.2):
            return
        self.drawn = now
        total, left = self.seconds()
        share = 1 - left / total if total else 1.0
        full = int(share * BAR)
        bar = "█" * full + "░" * (BAR - full)
        line = f"{self.title} {bar} {share:4.0%} · {clock(left)} left · {self.text}"
        self.stream.write("\r\x1b[K" + line[:118])
        self.stream.flush()

    def close(self):
        if self.live and self.text:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
