"""Webhooks out: endpoints and their secrets, deliveries, and the log of them.

Guarantees: a delivery is committed with the step that causes it, with its body fixed then; it is sent at least once,
under Standard Webhooks headers, and those of its protocol, which are kept sealed; news of one task reach one endpoint
in the order of its steps; news of a task's end are never left out. An endpoint that does not answer holds up nobody but
itself, and never what a person asks for.
Every try that came to an end is kept with its delivery. A secret that was rotated away signs until its promised time.
Not guaranteed: that a receiver sees a delivery only once (`webhook-id` tells it), nor that it sees every
`task.progress`: one that has not been delivered gives way to the next.
Only this package writes `deliveries`, `delivery_tries` and `webhook_endpoints`.
"""
