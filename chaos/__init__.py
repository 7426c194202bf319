"""`make chaos`: many jobs, upstreams that fail in every way they can, and a server that is killed again and again.

What happened is counted from the journals of the upstreams and of the webhook receiver, and compared with what the
client was told; our own tables are only asked whether they agree.
"""
