"""Telecine: a self-hosted gateway for AI media generation.

Any client dialect in, any provider out; every job is durable and its results are kept.
"""

__version__ = "0.1.0"
