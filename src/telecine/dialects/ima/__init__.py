"""IMA Router's API, which Zcheap offers too, under `/ima`.

Guarantees: a task is answered flat where it is made and in `{code, data}` where a picture is asked about, with IMA's
words of status, ids `task_…`, and links of ours; the 25 schemas of Zcheap's document stand under their names in the
OpenAPI document. Errors about tasks are a `TaskErrorResponse`, those of assets an `ErrorResponse`, and Midjourney's are
its proxies'. A key that says so (`dialect = "ima"`) has all of it without `/ima`.
Not here: the internal API between IMA Router and its own upstreams. What is reconstructed stands in the files of
`telecine.wires.ima`.
"""

from __future__ import annotations

from telecine.dialects.ima.routes import IMA, IMA_ASSETS, IMA_MJ

__all__ = ["IMA", "IMA_ASSETS", "IMA_MJ"]
