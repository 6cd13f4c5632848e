"""The platforms, one line each. Nothing is discovered: what is not listed here does not exist."""

from adapters import (
    deliveroo,
    delivery_hero,
    doordash,
    gloriafood,
    glovo,
    lieferando,
    otter,
    standard_webhooks,
    stripe,
    uber_eats,
)
from adapters.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.slug: adapter
    for adapter in (
        deliveroo.ADAPTER,
        delivery_hero.ADAPTER,
        doordash.ADAPTER,
        gloriafood.ADAPTER,
        glovo.ADAPTER,
        lieferando.ADAPTER,
        otter.ADAPTER,
        standard_webhooks.ADAPTER,
        stripe.ADAPTER,
        uber_eats.ADAPTER,
    )
}
