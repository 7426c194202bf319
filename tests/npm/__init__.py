"""Clients that are written in JavaScript, at the versions and hashes of `package-lock.json`.

They are installed once for each environment, beside its own packages; nothing of theirs runs meanwhile.
"""
