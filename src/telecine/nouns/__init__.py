"""The nouns that both ends share: requests, tasks, outputs, errors, ids and the model catalogue.

This package guarantees that a dialect and a provider that know these nouns can be combined, and it imports nothing
else of Telecine. It holds no behaviour that touches a database, a network or a clock.
"""
