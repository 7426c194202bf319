"""`/v1/assets`: files that an account keeps to refer to, in Telecine's own form.

Guarantees: every read and change is the caller's own account's, another's is 404; a body goes to storage as it comes,
in constant memory, however large. Not guaranteed: that a file whose URL was named is there by the answer; its `status`
says so.
"""

from telecine.dialects.assets.routes import ASSETS

__all__ = ["ASSETS"]
