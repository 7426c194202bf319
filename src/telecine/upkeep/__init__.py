"""What an installation needs to stay in order, done without a client's asking: retention, the sweep of lost objects,
erasures, what upstreams say was spent, reloads; and what is worth knowing: rules for configurations, figures, doctor.

Guarantees: everything here goes in small steps, may be killed at any moment, and is finished by the next round or by
being asked again; no configuration runs without having passed the rules; the ledger is never touched. Not guaranteed:
any moment at which something is done. It alone writes `config_revisions`, `workflows`, `channel_reports` and
`erasures`, and takes away from the tables of others what is over its time or of an account that is erased.
"""
