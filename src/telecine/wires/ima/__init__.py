"""IMA Router's API, which Zcheap offers too: pictures, IMA-Pro videos, assets, Midjourney.

Read in: the names of the operations and of the 25 schemas, and one answer whole (`ImaImageTaskFetchResponse`), in
Zcheap's document; the bodies and answers of pictures and videos in IMA Router's SDKs for Python, Go and Java (April
2026) and its page on Seedance; those of assets, their paths, limits and spellings, in what IMA Router and its web
console (built on new-api) send each other.

Reconstructed, because nobody shows it: how a picture is asked for at once (`images.py`), the second form of a video
(`videos.py`), the parts of an asset that comes as a file (`assets.py`), and the shape of `ErrorResponse` beyond what
the SDKs read (`errors.py`). Each file says so of its own.

An answer about a task is flat where it is made, and in `{code, data}` where a picture is asked about.
"""

from __future__ import annotations

import re
from typing import Final

IMAGES: Final = "/v1/images/generations"
"""Creates a task by POST; the same with its id behind it tells of it."""
VIDEOS: Final = "/v1/videos"
GENERATIONS: Final = "/v1/video/generations"
"""The other path for videos, whose query answers as that of a picture does."""
KLING: Final = "/kling/v1/videos"
"""`/text2video` and `/image2video`: Kling's fields with `model` and a whole `duration`; asked about at `VIDEOS`."""
KLINGS: Final = re.compile(r"kling[-_].*", re.IGNORECASE | re.DOTALL)
"""Names of the models that are asked for there."""
SUCCESS: Final = "success"
"""`code` of an envelope that is good."""

QUEUED: Final = frozenset({"queued", "pending", "submitted"})
RUNNING: Final = frozenset({"processing", "in_progress", "running"})
DONE: Final = frozenset({"succeeded", "completed", "success", "done"})
FAILED: Final = frozenset({"failed", "cancelled", "canceled", "error"})
"""Words of status. Of a picture: queued, processing, succeeded, failed; of a video: queued, in_progress, completed,
failed. The others are those that IMA Router's own upstreams say to it."""

IMAGE_POLL_SECONDS: Final = 5.0
VIDEO_POLL_SECONDS: Final = 8.0
"""How often the SDKs ask."""
WAIT_SECONDS: Final = 1800.0
"""How long they do."""
