"""The wire formats of vendors, each once: for the dialect that speaks it to clients and the provider that speaks it to
upstreams.

A module holds a vendor's bodies as structs, its words, paths and limits, and which fields change the price. It maps
nothing and asks nobody: what a word means to us stands in the dialect and in the provider.
"""
