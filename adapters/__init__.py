"""The platforms, one line each. Nothing is discovered: what is not listed here does not exist."""

from adapters import deliveroo, stripe, uber_eats
from adapters.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.slug: adapter for adapter in (deliveroo.ADAPTER, stripe.ADAPTER, uber_eats.ADAPTER)
}
