"""The ASGI edge: addresses, limits, request ids, error rendering, health, metrics, and the process that serves.

Guarantees: every answer carries a request id; every error is rendered in the envelope of the dialect that the path
belongs to; no secret, upstream host or traceback leaves. This package puts the rooms of the house together and knows
them all; nothing below knows it. Not here: what the management API says (`admin/`), and what a process does without
being asked (`upkeep/`). It writes no table.
"""
