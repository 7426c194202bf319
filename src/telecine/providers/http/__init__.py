"""One machine for every upstream that takes jobs over HTTP.

| file | what it knows |
|---|---|
| `facts` | what a vendor states: a `Vendor`, its `Op`s and their fields |
| `getters` | where things stand in an answer |
| `credentials` | signing in |
| `frame` | sizes, ratios and resolutions that have to agree |
| `body` | from the shared request to a body, by take or refuse |
| `form` | JSON fields in bracket keys |
| `answers` | from an HTTP answer to an outcome |
| `lists` | one question about many jobs |
| `signatures` | callbacks that are signed |
| `files` | the bytes of results |
| `provider` | the verbs |

What it guarantees for every vendor: a create is one request on a connection of its own, and ends as never sent only
where nothing can have reached the upstream; an answer is believed only where it can be read, by its HTTP status first,
then its envelope, then its words; no host, port or key is in a message; a callback is never believed; our key goes to
the upstream's own origin alone.
"""

from telecine.providers.http.facts import Op, Vendor
from telecine.providers.http.provider import HttpProvider

__all__ = ["HttpProvider", "Op", "Vendor"]
