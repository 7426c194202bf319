"""Kling's new generation: the model in the path, `settings` and `options` in the body, tasks by their ids (Kling API
documents, "Video 3.0", "Motion Control", "Tasks", "Callback Protocol").

Guarantees: the documented envelope and status words, Kling's errors in its own codes, whatever model stands in the path
and wherever the job runs. A task that was made in another dialect is shown too. Both under `/kling`, as relays have it,
and bare.
"""

from telecine.dialects.kling2.routes import KLING2

__all__ = ["KLING2"]
