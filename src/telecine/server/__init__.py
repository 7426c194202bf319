"""The ASGI application: keys to principals, limits, request ids, error rendering, health and metrics.

Guarantees: every answer carries a request id; every error is rendered in the envelope of the dialect that the path
belongs to; no secret, upstream host or traceback leaves. This package puts the rooms of the house together and knows
them all; nothing below knows it.
"""
