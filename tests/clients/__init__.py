"""Clients that cannot be in our own environment: the previous major version of OpenAI's, and those of relays, at the
versions and hashes of `requirements.lock`. They are installed once for each environment, beside its own packages."""
