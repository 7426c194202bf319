"""Media: what clients send us, what upstreams made, and how both are looked at, kept and served.

Guarantees: bytes pass through in constant memory; a file is believed to be what it decodes to, never what its name or
its sender says; decoders run in killable worker processes (`telecine.workers`) and nothing in here blocks the event
loop; an object appears under its key whole or not at all, and keys name an account and a task; a link is signed and
ends; what a browser might run is served as an attachment or in a sandbox. Not guaranteed: that every file has a
poster, a size or a length; a result that no decoder knows is kept all the same.

This package writes no table. It hands back `Output` and `MediaInput` values, which `tasks/` alone records.
"""
