"""What is left and what was spent, in the forms that clients read: our own, the dashboard's, the relays', Kling's.

Guarantees: an answer speaks of the caller's own account and key only; amounts are exact decimals in our own form, and
floating-point numbers only where the protocol has them. What was spent is what the ledger has charged; what is held
for jobs under way is no longer available, but not spent either. A protocol that says "USD" is told the currency of the
installation, unconverted.
"""

from telecine.dialects.billing.account import ACCOUNT
from telecine.dialects.billing.dashboard import DASHBOARD
from telecine.dialects.billing.kling import KLING_COSTS
from telecine.dialects.billing.relay import RELAY

__all__ = ["ACCOUNT", "DASHBOARD", "KLING_COSTS", "RELAY"]
