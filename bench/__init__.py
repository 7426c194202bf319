"""Figures of a whole server process under load: `make bench`, or `python -m bench [NAME …]`.

Everything is measured from outside: the server runs as its own process, the load and the fake upstream in another,
and CPU and memory are the operating system's own accounts of the server process.
"""
