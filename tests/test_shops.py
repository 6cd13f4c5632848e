"""The words of web shops: which way they name, what a fee is for, what must not be overlooked."""

from __future__ import annotations

import pytest

from adapters import shops
from adapters.contract import FeeKind, OrderType


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Abholung im Laden", OrderType.PICKUP),
        ("Selbstabholer", OrderType.PICKUP),
        ("Local pickup", OrderType.PICKUP),
        ("pick_up", OrderType.PICKUP),
        ("Click & Collect", OrderType.PICKUP),
        ("Vor Ort essen", OrderType.LOCAL),
        ("Vor Ort abholen", OrderType.PICKUP),
        ("Standardversand", OrderType.SHIPPING),
        ("Standard Delivery", OrderType.SHIPPING),
        ("DHL Zustellung", OrderType.SHIPPING),
        ("Deutsche Post", OrderType.SHIPPING),
        ("Free shipping", OrderType.SHIPPING),
        ("Local Delivery", OrderType.DELIVERY),
        ("Lieferung PLZ 10115 (Postleitzahl)", OrderType.DELIVERY),
        ("Fahrradkurier", OrderType.DELIVERY),
        ("Unser Bote", OrderType.DELIVERY),
        ("Angebote der Woche", None),
        ("Pauschale", None),
        ("", None),
        (None, None),
    ],
)
def test_way(said: str | None, expected: OrderType | None) -> None:
    assert shops.way(None, said) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Trinkgeld für das Team", None),
        ("Tip", None),
        ("Tips (10 %)", None),
        ("Gratuity", None),
        ("Pfand", FeeKind.DEPOSIT),
        ("Pfand Verpackung", FeeKind.DEPOSIT),
        ("Verpackungspauschale", FeeKind.PACKAGING),
        ("Mindermengenzuschlag", FeeKind.SMALL_ORDER),
        ("Zuschlag Mindestbestellwert", FeeKind.SMALL_ORDER),
        ("Liefergebühr", FeeKind.DELIVERY),
        ("Kartenzahlung", FeeKind.SERVICE),
        ("Multiplex-Gebühr", FeeKind.SERVICE),
        ("Tipp-Zettel", FeeKind.SERVICE),
        (None, FeeKind.SERVICE),
    ],
)
def test_fee_kind(name: str | None, expected: FeeKind | None) -> None:
    assert shops.fee_kind(name) is expected


def test_allergies_stand_first_and_the_rest_as_entered() -> None:
    texts = ("Gabel", None, "Glutenfrei bitte", "", "Löffel", "Allergie: Soja", "laktosefrei")
    said = ("Glutenfrei bitte", "Allergie: Soja", "laktosefrei", "Gabel", "Löffel")
    assert shops.allergies_first(*texts) == said


def test_hidden_and_empty_fields_are_not_shown() -> None:
    fields = [("Größe", "L"), ("_sku", "1"), ("Farbe", None), (None, "x"), ("a_b", "c")]
    assert shops.entered(fields) == ("Größe: L", "a_b: c")
