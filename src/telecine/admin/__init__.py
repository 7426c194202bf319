"""The management API: keys, channels, accounts, money, the configuration that runs, what is wrong, and webhooks.

Guarantees: `/admin/v1` is for administrators, which the gate has made sure of; `/v1/webhooks` shows a key what belongs
to its own account and nothing else; bodies with unknown fields are refused. Not guaranteed: anything about how what is
asked for is done, which is the business of the rooms below; these are routes, and write no table themselves.
"""
