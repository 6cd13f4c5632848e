"""The platforms, one line each. Nothing is discovered: what is not listed here does not exist."""

from adapters import (
    deliverect,
    deliveroo,
    delivery_hero,
    doordash,
    gloriafood,
    glovo,
    hubrise,
    lieferando,
    otter,
    shopify,
    standard_webhooks,
    stripe,
    uber_eats,
    wolt,
    woocommerce,
)
from adapters.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.slug: adapter
    for adapter in (
        deliverect.ADAPTER,
        deliveroo.ADAPTER,
        delivery_hero.ADAPTER,
        doordash.ADAPTER,
        gloriafood.ADAPTER,
        glovo.ADAPTER,
        hubrise.ADAPTER,
        lieferando.ADAPTER,
        otter.ADAPTER,
        shopify.ADAPTER,
        standard_webhooks.ADAPTER,
        stripe.ADAPTER,
        uber_eats.ADAPTER,
        wolt.ADAPTER,
        woocommerce.ADAPTER,
    )
}
