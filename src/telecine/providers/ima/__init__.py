"""IMA's API (IMA Router, and Zcheap, which has the same schemas): pictures, and videos in two styles.

| file | what it knows |
|---|---|
| `images` | pictures |
| `videos` | videos in the style of its SDKs |
| `content` | videos in the other style |
| `midjourney`, `kling` | Midjourney, and Kling, whose bodies are their own |
| `assets` | files that it keeps |
| `answers` | what it says of a job |
| `options` | what a channel may say |
| `vendor` | all of it |
"""

from telecine.providers.ima.vendor import IMA

__all__ = ["IMA"]
