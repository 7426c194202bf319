"""IMA as a vendor: one table for each style of its videos, and what all have in common.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice: a submit with an
unknown outcome ends as `submission_unknown`. There is no cancel, no callback and no list.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from telecine.providers.base import Traits
from telecine.providers.http.facts import Objection, Status, Vendor, strip
from telecine.providers.http.getters import at
from telecine.providers.ima.answers import KEPT, fine, job_of, name_of, status_of, videos_of
from telecine.providers.ima.content import CONTENT
from telecine.providers.ima.images import IMAGES
from telecine.providers.ima.kling import kling
from telecine.providers.ima.midjourney import midjourney
from telecine.providers.ima.options import ImaOptions
from telecine.providers.ima.videos import VIDEOS
from telecine.wires import ima as wire
from telecine.wires.ima import images, videos
from telecine.wires.openai import BILLED, NO_TASK_CODES

_PORTRAITS: Final = re.compile("不支持人像|portraits? (?:is|are) not supported", re.IGNORECASE)
"""What IMA says of pictures of real people."""
_BILLED: Final = images.BILLED | videos.BILLED | BILLED
"""Fields that change the price, its own and those of the vendors behind it, to whom it may hand on what it does not
know."""
_ABSENT: Final = Objection(0, NO_TASK_CODES)


_ALONE: Final = Vendor(
    name="ima",
    title="IMA",
    speaks=frozenset({"ima"}),
    credential="IMA needs an api_key",
    library=True,
    options=ImaOptions,
    root=strip("/v1"),
    ops={**IMAGES, **VIDEOS},
    traits=Traits(KEPT, usual=60.0, poll_floor=wire.IMAGE_POLL_SECONDS, url_only=True),
    billed=_BILLED | {f"metadata.{one}" for one in _BILLED},
    objects=frozenset({"metadata"}),
    free=frozenset({"prompt"}),
    fine=fine,
    made=name_of,
    job=job_of,
    status=Status(status_of, queued=wire.QUEUED, running=wire.RUNNING, done=wire.DONE, failed=wire.FAILED),
    progress=at("progress"),
    reasons=(at("error"), at("fail_reason"), at("message")),
    policy=_PORTRAITS,
    outputs=videos_of,
    missing=(Objection(404), _ABSENT),
    ping=f"{wire.IMAGES}/0",
    pinged=lambda said: "" if fine(said) else ", no such task",
    known=(_ABSENT,),
)
_VIDEOS: Final = replace(_ALONE, later=(midjourney(_ALONE), kling(_ALONE)))
IMA: Final[Vendor] = replace(
    _VIDEOS,
    forms={"videos": _VIDEOS, "content": replace(_VIDEOS, ops={**IMAGES, **CONTENT})},
    form=lambda channel: channel.option(ImaOptions).style,
)
