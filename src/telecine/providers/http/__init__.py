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
| `shelves` | files of libraries that upstreams keep |
| `signatures` | callbacks that are signed |
| `events` | answers that come as a stream of events |
| `files` | the bytes of results |
| `provider` | the verbs |
| `forms` | the verbs, where an upstream is spoken to in one of several forms |

What it guarantees for every vendor: a create is one request on a connection of its own, and ends as never sent only
where nothing can have reached the upstream; an answer is believed only where it can be read, by its HTTP status first,
then its envelope, then its words; no host, port or key is in a message; a callback is never believed; our key goes to
the upstream's own origin alone.
"""

from telecine.clock import Clock
from telecine.net.client import Client
from telecine.providers.base import Provider
from telecine.providers.http.facts import Op, Vendor
from telecine.providers.http.forms import FormedProvider
from telecine.providers.http.provider import HttpProvider

__all__ = ["FormedProvider", "HttpProvider", "Op", "Vendor", "provider_of"]


def provider_of(vendor: Vendor, client: Client, clock: Clock) -> Provider:
    """The provider for what a vendor states."""
    return FormedProvider(vendor, client, clock) if vendor.forms else HttpProvider(vendor, client, clock)
