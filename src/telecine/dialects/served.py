"""Every dialect that is served."""

from __future__ import annotations

from typing import Final

from telecine.dialects.assets import ASSETS
from telecine.dialects.billing import ACCOUNT, DASHBOARD, KLING_COSTS, RELAY
from telecine.dialects.bizyair import BIZYAIR, MODELS, SDK_MODELS
from telecine.dialects.dialect import Dialect
from telecine.dialects.ima import IMA, IMA_ASSETS, IMA_MJ
from telecine.dialects.kling import KLING
from telecine.dialects.kling2 import KLING2
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.openai import IMAGES, NEW_API, OPENAI
from telecine.dialects.openai import RELAY as VIDEO_RELAY
from telecine.dialects.suno import SUNO, SUNO_FEED
from telecine.dialects.tasks import TASKS

DIALECTS: Final[tuple[Dialect, ...]] = (
    IMA,
    IMA_ASSETS,
    IMA_MJ,
    IMAGES,
    KLING,
    KLING_COSTS,
    KLING2,
    BIZYAIR,
    MODELS,
    SDK_MODELS,
    SUNO_FEED,
    SUNO,
    MIDJOURNEY,
    TASKS,
    ASSETS,
    ACCOUNT,
    DASHBOARD,
    RELAY,
    VIDEO_RELAY,
    NEW_API,
    OPENAI,
)
"""In the order of their routes; the last one renders the errors of paths that belong to none."""
