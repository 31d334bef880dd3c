"""Joules that the processors used, by the counters of Linux's powercap (RAPL)."""

from pathlib import Path

COUNTERS = Path("/sys/class/powercap")

Reading = dict[Path, tuple[int, int]]  # a counter's microjoules, and where it starts again


class Energy:
    """Counts from now on. Every processor package has a counter, for all that runs on it: ours and
    others' work alike. Most systems let root alone read it.
    """

    def __init__(self, counters: Path = COUNTERS):
        self._counters = counters
        self._start = self._reading()

    def joules(self) -> float | None:
        """Return what was used since then; None where no counter can be read."""
        end = self._reading()
        if not self._start or self._start.keys() != end.keys():
            return None
        # a counter that reached its range has started again
        used = sum((end[c][0] - self._start[c][0]) % (end[c][1] + 1) for c in end)
        return round(used / 1e6, 3)

    def _reading(self) -> Reading:
        reading: Reading = {}
        # intel-rapl:0 is a package, AMD's too; intel-rapl:0:0 is a part of it
        for folder in sorted(self._counters.glob("intel-rapl:*")):
            if folder.name.count(":") > 1:
                continue
            try:
                texts = [
                    (folder / name).read_text() for name in ("energy_uj", "max_energy_range_uj")
                ]
            except OSError:
                return {}
            reading[folder] = int(texts[0]), int(texts[1])
        return reading
