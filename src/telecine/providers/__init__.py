"""Adapters to upstream services.

A provider maps the shared nouns to one vendor's wire and back. It guarantees that `submit` sends exactly one request
that cannot be repeated, that every other verb can be repeated, and that what came back is told apart as
`telecine.providers.base` lists it. It keeps no state, writes to no table and knows no dialect.
"""
