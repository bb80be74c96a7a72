"""Listening to what was recorded: loudness, tones, gaps."""

from __future__ import annotations

import itertools
import wave
from pathlib import Path
from typing import Any

import numpy

RATE_HZ = 8000
Samples = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


class Recording:
    """What somebody heard. Moments in seconds from its start; negative ones from its end."""

    def __init__(self, path: Path) -> None:
        with wave.open(str(path), "rb") as file:
            raw = file.readframes(file.getnframes())
        self.samples: Samples = numpy.frombuffer(raw, dtype="<i2").astype(float) / 32768

    @property
    def length_s(self) -> float:
        return self.samples.size / RATE_HZ

    def part(self, start_s: float = 0.0, end_s: float | None = None) -> Samples:
        end = None if end_s is None else int(end_s * RATE_HZ)
        return self.samples[int(start_s * RATE_HZ) : end]

    def loudness(self, start_s: float = 0.0, end_s: float | None = None) -> float:
        """Root mean square, 0 to 1."""
        part = self.part(start_s, end_s)
        return float(numpy.sqrt(numpy.mean(part**2))) if part.size else 0.0

    def share(self, hertz: float, start_s: float = 0.0, end_s: float | None = None) -> float:
        """How much of the energy lies within 20 Hz of this tone, 0 to 1."""
        return share_of(self.part(start_s, end_s), hertz)

    def tone_s(self, hertz: float, least: float = 0.6) -> float:
        """For how long this tone was heard, all in all."""
        return sum(0.1 for _, share in self._by_tenths(hertz) if share >= least)

    def longest_gap_s(self, hertz: float, least: float = 0.4) -> float:
        """The longest time without this tone between its first and its last moment."""
        heard = [at for at, share in self._by_tenths(hertz) if share >= least]
        gaps = [later - earlier - 0.1 for earlier, later in itertools.pairwise(heard)]
        return max(gaps, default=0.0) if heard else self.length_s

    def _by_tenths(self, hertz: float) -> list[tuple[float, float]]:
        step = RATE_HZ // 10
        found = []
        for start in range(0, self.samples.size - step + 1, step):
            part = self.samples[start : start + step]
            loud = float(numpy.sqrt(numpy.mean(part**2))) > 0.005
            found.append((start / RATE_HZ, share_of(part, hertz) if loud else 0.0))
        return found


def share_of(samples: Samples, hertz: float) -> float:
    """How much of the energy lies within 20 Hz of `hertz`, 0 to 1."""
    if samples.size < RATE_HZ // 20:
        return 0.0
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(samples.size))) ** 2
    frequencies = numpy.fft.rfftfreq(samples.size, 1 / RATE_HZ)
    total = float(spectrum.sum())
    if total <= 0:
        return 0.0
    return float(spectrum[abs(frequencies - hertz) < 20].sum()) / total
