"""Tables, migrations, and batched reads and writes.

Guarantees: what `Database.write` answers is committed and survives a crash; concurrent writes share a transaction, and
one bad unit fails alone. It knows no rule of the business: each package brings the writes of the tables that it owns.
The same statements run on SQLite and PostgreSQL.
"""
