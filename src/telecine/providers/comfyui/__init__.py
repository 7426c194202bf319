"""ComfyUI: workflows on a server of one's own.

| file | what it knows |
|---|---|
| `jobs` | what a ComfyUI says of a job: its history, its queue, `/api/jobs` |
| `outputs` | what a workflow has put out |
| `uploads` | files of a request, on their way there |
| `asking` | questions about one job, in whichever way the server has |
| `refusals` | what it says of a graph that it does not take |
| `progress` | how far jobs are, over its websocket |
| `provider` | the verbs |

What it guarantees: a job has an id that we chose (`prompt_id`), so that an unknown submit is looked up; absent from the
history is not failed; what is in neither queue nor history was lost, which nobody bills, and is sent again; only our
own job is ever interrupted; no address of the server is told to anybody. What it does not: progress, which needs a
socket; and files that were uploaded to the server stay there, for it has no way to delete them.
"""

from telecine.providers.comfyui.provider import ComfyProvider

__all__ = ["ComfyProvider"]
