"""OpenAI's Videos and Images APIs (API reference of openai-python 3.52, `videos.*`, `images.*`) and what relays add.

Guarantees: status words, error envelope and ids are OpenAI's own, so the official clients' pollers work; `url`,
`video_url` and `task_id` stand beside the official object, because relay applications show a video only with them.
The relays' query with `detail`, their unified form and new-api's are dialects of their own over the same rows.
"""

from telecine.dialects.openai.image_routes import IMAGES
from telecine.dialects.openai.newapi import NEW_API
from telecine.dialects.openai.routes import OPENAI, RELAY

__all__ = ["IMAGES", "NEW_API", "OPENAI", "RELAY"]
