"""The OpenAI Videos API (`/v1/videos`), at OpenAI or at one of the many relays that speak it; the base URL may end in
`/v1` or not.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice. So a submit with
an unknown outcome ends the task as `submission_unknown`: it is never sent again. There is no cancel either: `DELETE`
removes a video and is not documented to stop one, or to give its price back.
"""

from telecine.providers.openai.vendor import OPENAI

__all__ = ["OPENAI"]
