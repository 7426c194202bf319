"""Client wire formats.

A dialect is a table (`telecine.dialects.dialect.Dialect`) and the functions that map between its wire and the shared
nouns: a pure mapping, without I/O beyond the request, that knows no provider. What requests have in common, and what
the document says of each, stands in the rows of the table. A row reaches the rest of the house only through
`telecine.dialects.base.Edge`.
"""
