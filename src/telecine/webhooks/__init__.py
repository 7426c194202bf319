"""Webhooks out (deliveries) and provider callbacks in.

Guarantees: a delivery is committed with the step that causes it, with its body fixed then; it is sent at least once,
in the order of its task's steps; a callback from a provider only wakes its task, whose own poll decides.
Not guaranteed: that a receiver sees a delivery only once. Only this package writes `deliveries`.
"""
