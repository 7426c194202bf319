"""Kling (快手可灵), legacy generation: text to video and image to video.

| file | what it knows |
|---|---|
| `wire` | the bodies, their fields and the error table, as the vendor documents them |
| `translate` | from the shared request to a body, by take or refuse; pure |
| `answers` | from an HTTP answer to an outcome |
| `credentials` | the two ways to sign in, and the signature of callbacks |
| `provider` | the verbs |

Kling has no cancel. It refuses a second job with the same `external_task_id`, which we always set to our own handle,
so a submit with an unknown outcome can be looked up, and sent again without paying twice.
"""

from telecine.providers.kling.provider import KlingProvider

__all__ = ["KlingProvider"]
