"""Client wire formats.

A dialect parses HTTP into the shared nouns and renders tasks and errors back; it is a pure mapping, without I/O beyond
the request, and knows no provider. It reaches the rest of the house only through `telecine.dialects.base.Edge`.
"""
