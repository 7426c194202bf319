"""Which channel serves a task: by model, by what its provider can express, by priority, weight and health.

Guarantees: the same request sees the same candidates in the same priority order, equal priorities shared by weight; a
channel in trouble goes last, and is tried again by one attempt at a time. Not guaranteed: that a pool has room;
`tasks/` claims it in its own transaction. Only this package writes `channels`.
"""
