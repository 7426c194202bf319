"""The one way out: every request to an upstream, a callback or a media link goes through `telecine.net.client`.

Guarantees: a host is resolved once and the checked address is the one that is dialled; private addresses are refused
unless they are allowed by configuration or by the channel; sizes, times and redirects are bounded; nothing about a
peer's address, key or headers appears in the errors it raises.
"""
