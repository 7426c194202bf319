"""The sandbox: a provider that needs no network and no money, and really renders.

Guarantees: a job is on disk, so it survives any restart and is taken once, however often it is submitted under its
handle; images and videos have exactly the size, length and frame rate that were asked for; everything that decodes or
draws runs in worker processes; directives in the prompt make a job wait, fail or be refused (see `directives`).
Not guaranteed: that what is drawn looks like anything but the prompt's own words, or the picture that was given.

Nothing is imported here: workers import what draws, and start in 0.2 s of CPU where the provider would make it 0.5.
"""
