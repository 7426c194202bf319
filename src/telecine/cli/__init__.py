"""The `telecine` command.

Guarantees: every command but `serve` speaks HTTP, to the server that holds the data, to a remote one, or to one that
it starts inside itself where none runs, so that there is one code path; results go to stdout, everything else to
stderr; errors are one line and never a traceback. Exit codes: 0 done, 1 the task failed or was cancelled, 2 wrong
usage, 3 the server cannot be reached, 4 the server refused, 124 `--timeout` is over, 130 Ctrl-C.
"""
