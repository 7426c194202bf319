"""The OpenAI Videos API (`/v1/videos`), at OpenAI or at one of the many relays that speak it.

| file | what it knows |
|---|---|
| `wire` | fields, sizes, status words and error codes, as OpenAI and the relays document them |
| `translate` | from the shared request to form fields, by take or refuse; pure |
| `form` | multipart bodies and bracket keys |
| `answers` | from an HTTP answer to an outcome |
| `provider` | the verbs |

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice. So a submit with
an unknown outcome ends the task as `submission_unknown`: it is never sent again. There is no cancel either: `DELETE`
removes a video and is not documented to stop one, or to give its price back.
"""

from telecine.providers.openai.provider import OpenAIProvider

__all__ = ["OpenAIProvider"]
