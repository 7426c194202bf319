"""Kling's legacy generation: `text2video` and `image2video` (Kling API documents, "Text to Video", "Image to Video").

Guarantees: the documented envelope, codes, HTTP statuses and status words; times are numbers of milliseconds and
`videos[].duration` is a string, which strict clients insist on. Both under `/kling/v1/…`, as relays have it, and bare.
Not here yet: the other Kling paths.
"""

from telecine.dialects.kling.routes import KLING

__all__ = ["KLING"]
