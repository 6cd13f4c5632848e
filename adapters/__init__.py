"""The platforms, one line each. Nothing is discovered: what is not listed here does not exist."""

from adapters import (
    adyen,
    deliverect,
    deliveroo,
    delivery_hero,
    doordash,
    gloriafood,
    glovo,
    hubrise,
    klarna,
    lieferando,
    mollie,
    otter,
    paypal,
    shopify,
    square,
    standard_webhooks,
    stripe,
    sumup,
    uber_eats,
    unzer,
    viva,
    wolt,
    woocommerce,
)
from adapters.contract import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.slug: adapter
    for adapter in (
        adyen.ADAPTER,
        deliverect.ADAPTER,
        deliveroo.ADAPTER,
        delivery_hero.ADAPTER,
        doordash.ADAPTER,
        gloriafood.ADAPTER,
        glovo.ADAPTER,
        hubrise.ADAPTER,
        klarna.ADAPTER,
        lieferando.ADAPTER,
        mollie.ADAPTER,
        otter.ADAPTER,
        paypal.ADAPTER,
        shopify.ADAPTER,
        square.ADAPTER,
        standard_webhooks.ADAPTER,
        stripe.ADAPTER,
        sumup.ADAPTER,
        uber_eats.ADAPTER,
        unzer.ADAPTER,
        viva.ADAPTER,
        wolt.ADAPTER,
        woocommerce.ADAPTER,
    )
}
