"""The asset library: files that an account keeps, to refer to in requests.

Guarantees: a file is believed to be what it decodes to, and is stored whole before its row says that it is ready; what
an account keeps is counted in the transaction that changes it, so that however many requests come at once, through
however many processes, none goes past its quota; every read and change names the account, and another one's file is
`not_found`; a file that was deleted lies in storage until the longest signed link to it has ended and no task that
refers to it is left to end. Not guaranteed: that a URL is fetched within any time; its state says how far that is.

The tables `assets`, `asset_groups`, `asset_parts`, `asset_uses` and `asset_totals` are written here and nowhere else;
`telecine.tasks` calls what notes and drops uses in its own transactions. They are locked in this order, each by id:
asset_groups, assets, asset_totals.
"""
