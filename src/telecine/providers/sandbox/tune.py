"""A tune as an MP3: a phrase of sixteen beats, of the text's own, again and again for as long as asked. Runs in a
worker.

Only the phrase is computed note by note (some 0.2 s of CPU); the rest of it is copied, and LAME does the work.
"""

from __future__ import annotations

import math
import random
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

from telecine.providers.sandbox.jobs import SandboxJob

if TYPE_CHECKING:
    from av import AudioFrame

_RATE: Final = 22_050
_BEATS: Final = 16
_SCALES: Final = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
"""Semitones of the pentatonic scales, major and minor: no two notes of one are at odds."""
_ROOT: Final = 220.0
_LOUD: Final = 9_000
_LAME: Final = {"compression_level": "9"}  # the fastest: nobody listens for more than the tune
_CHUNK: Final = 1152 * 64


def encode(job: SandboxJob, index: int, target: Path) -> None:
    """Write the song number `index`, as long as the job says to within one frame of the format (26 ms)."""
    import av

    with av.open(str(target), "w", format="mp3") as container:
        container.metadata.update(title=job.title, genre=job.style, artist="Telecine sandbox")
        stream = container.add_stream("libmp3lame", rate=_RATE, layout="mono", options=_LAME)
        stream.bit_rate = 48_000
        for frame in frames(job.text, index, job.duration):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def encode_plain(job: SandboxJob, index: int, target: Path) -> None:
    """The same as a WAV."""
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        sound = _sound(job.text, index, job.duration)
        if sys.byteorder == "big":
            sound.byteswap()
        file.writeframes(sound.tobytes())


def frames(text: str, index: int, seconds: float) -> Iterator[AudioFrame]:
    """The tune number `index` of `text`, for so long."""
    import av

    sound = _sound(text, index, seconds)
    for start in range(0, len(sound), _CHUNK):
        samples = sound[start : start + _CHUNK].tobytes()
        frame = av.AudioFrame("s16p", "mono", len(samples) // 2)
        plane = frame.planes[0]
        plane.update(samples + bytes(plane.buffer_size - len(samples)))
        frame.sample_rate, frame.pts = _RATE, start
        yield frame


def _sound(text: str, index: int, seconds: float) -> array[int]:
    """The phrase again and again."""
    phrase, length = _phrase(text, index), round(seconds * _RATE)
    return (phrase * (length // len(phrase) + 1))[:length]


def _phrase(text: str, index: int) -> array[int]:
    """Sixteen beats of melody over a bass, the same for the same text and number."""
    chance = random.Random(crc32(text.encode()) + index)  # noqa: S311  a melody, not a secret
    scale, root = chance.choice(_SCALES), _ROOT * 2 ** (chance.randrange(12) / 12)
    beat = round(60 / chance.randrange(84, 132) * _RATE)
    sound = array("h")
    degree, bass = 5, 0
    for number in range(_BEATS):
        degree = max(0, min(9, degree + chance.choice((-2, -1, -1, 1, 1, 2))))
        bass = chance.choice((0, 0, 3, 4)) if number % 4 == 0 else bass
        melody = root * 2 ** ((scale[degree % 5] + 12 * (degree // 5)) / 12)
        ground = root / 2 * 2 ** (scale[bass] / 12)
        sound.extend(_beat(melody, ground, beat))
    return sound


def _beat(melody: float, ground: float, length: int) -> list[int]:
    """One beat of both: each note begins at once and dies away, so that none clicks."""
    high, low = 2 * math.pi * melody / _RATE, 2 * math.pi * ground / _RATE
    rise, fall = 0.01 * _RATE, 3.0 / length
    return [
        int(
            _LOUD
            * min(1.0, at / rise, (length - at) / rise)
            * (math.exp(-fall * at) * (math.sin(high * at) + 0.3 * math.sin(2 * high * at)) + 0.6 * math.sin(low * at))
        )
        for at in range(length)
    ]
