"""Who may ask, and who pays.

Guarantees: a key is stored only as a hash, compared in constant time and shown once; a revoked or expired key stops
working within a second. Only this package writes `accounts`, `keys` and `spending`.
"""
