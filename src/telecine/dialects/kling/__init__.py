"""Kling's legacy generation, the model in the body: videos, pictures, sounds, and the calls that are answered at once
(Kling API documents).

Guarantees: the documented envelope, codes, HTTP statuses and status words; times are numbers of milliseconds and
`videos[].duration` is a string, which strict clients insist on. All under `/kling/v1/…`, as relays have it, and bare.
An operation is a row (`operation.py:Operation`) and the type of its body (`telecine.wires.kling`).
Not here: multi-elements, whose wire is not known here.
"""

from telecine.dialects.kling.routes import KLING

__all__ = ["KLING"]
