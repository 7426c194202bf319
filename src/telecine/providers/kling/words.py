"""What Kling's words mean to us (API reference at klingai.com/document-api: error codes)."""

from __future__ import annotations

from typing import Final

from telecine.providers.refusal import FULL, NO_SUCH_MODEL, NO_SUCH_PATH, POLICY, THEIR_ACCOUNT, WORDS, Verdict, Words
from telecine.wires.kling import CreateTask

SPEAKS: Final = frozenset({"kling"})
OURS: Final = frozenset(CreateTask.__struct_fields__)
"""Fields that we alone write."""
VERDICTS: Final[Words] = {
    **WORDS,  # relays put envelopes of their own around Kling's
    "1000": THEIR_ACCOUNT,  # authentication failed
    "1001": THEIR_ACCOUNT,  # Authorization is empty
    "1002": THEIR_ACCOUNT,  # Authorization is invalid
    "1003": THEIR_ACCOUNT,  # Authorization is not yet valid
    "1004": THEIR_ACCOUNT,  # Authorization has expired
    "1100": THEIR_ACCOUNT,  # account exception
    "1101": THEIR_ACCOUNT,  # account in arrears
    "1102": THEIR_ACCOUNT,  # resource pack exhausted or expired
    "1103": THEIR_ACCOUNT,  # no permission for the API or the model
    "1200": Verdict("invalid_request"),
    "1201": Verdict("invalid_request"),
    "1202": NO_SUCH_PATH,  # the method or the path
    "1203": NO_SUCH_MODEL,  # the resource, such as the model, does not exist
    "1300": POLICY,
    "1301": POLICY,
    "1302": FULL,  # too many requests
    "1303": FULL,  # parallel tasks over the resource pack's limit
    "1304": THEIR_ACCOUNT,  # our address is not on their white list
    "5000": None,  # internal error
    "5001": Verdict("capacity", elsewhere=True, capacity=True),  # maintenance
    "5002": None,  # internal timeout
}
"""What Kling's error codes mean for a create."""
PARAMS: Final = {
    "model_name": "model",
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "duration": "duration",
    "aspect_ratio": "aspect_ratio",
    "image": "inputs",
    "image_tail": "inputs",
    "mode": "parameters.mode",
    "cfg_scale": "parameters.cfg_scale",
    "sound": "audio",
}
"""The neutral names of the fields that an error may be about."""
