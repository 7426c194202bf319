"""Files that fake upstreams hand out."""

from __future__ import annotations

import functools
import io
import wave


@functools.cache
def mp4(width: int, height: int, seconds: int, size: int | None) -> bytes:
    """A real video; where `size` is larger than it, a `free` box fills it up to that many bytes."""
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(24 * seconds):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([(number * 5) % 256]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = target.getvalue()
    missing = (size or 0) - len(content)
    return content + missing.to_bytes(4, "big") + b"free" + bytes(missing - 8) if missing >= 8 else content


@functools.cache
def wav(seconds: int) -> bytes:
    """A real sound: silence."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * seconds))
    return target.getvalue()
