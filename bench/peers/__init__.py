"""Other gateways beside ours, in one run: `make bench-peers`, or `python -m bench.peers`.

LiteLLM's proxy is installed from `requirements.lock`, Portkey's gateway (and the Node that it runs on) from
`package-lock.json`, each version and hash pinned, into an environment that is thrown away. Nothing of a package runs
while it is installed, and while they are measured they are given no variable of ours.
"""
