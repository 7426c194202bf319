"""Midjourney, at any of its proxies: the original (novicezk/midjourney-proxy), Plus and trueai-org's, and new-api in
front of one; the base URL may end in `/mj` or not.

What they differ in is found out, or a fact of the job: what can be done with a picture is what its own buttons say,
and where it has none, the three actions of the original. No picture of a request is a link there: all go as data URLs.
An unknown submit is looked for by `state`, which is our handle, in the newest tasks where the upstream lists them.
There it is found or not; nothing is ever sent twice, for no upstream refuses a second task with the same `state`.
"""

from __future__ import annotations

from telecine.providers.midjourney.table import MIDJOURNEY

__all__ = ["MIDJOURNEY"]
