"""The Article-API: a page of articles, the distribution channels.

Prices are numbers in one of the vendor's samples and strings in another: both are read, exactly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.payload import major
from receiver.articles import Article, Price
from receiver.errors import Unavailable
from receiver.http import Http, Reply
from receiver.oktopos import names
from receiver.oktopos.client import call, sort_out
from receiver.oktopos.mapping import Json
from receiver.settings.model import Pos

PAGE_SIZE = 500  # the most there may be

Cents = Annotated[int | None, BeforeValidator(major)]
Text = Annotated[str | None, BeforeValidator(lambda value: str(value) if value else None)]


class Listed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ListedChannel(Listed):
    id: int
    token: str = ""


class ListedPrice(Listed):
    channel: ListedChannel = Field(alias=names.ARTICLE_CHANNEL)
    cents: Cents = Field(None, alias=names.ARTICLE_PRICE)
    tax_rate_id: int | None = Field(None, alias=names.TAX_RATE_ID)
    tax_rate: Cents = Field(None, alias=names.TAX_RATE)  # "19.00": hundredths, like cents


class ListedArticle(Listed):
    id: int
    name: Annotated[str, BeforeValidator(lambda value: value or "")] = Field(
        "", alias=names.ARTICLE_NAME
    )
    external_reference: Text = Field(None, alias=names.ARTICLE_REFERENCE)
    material_number: Text = Field(None, alias=names.ARTICLE_MATERIAL)
    prices: tuple[ListedPrice, ...] = Field((), alias=names.ARTICLE_PRICES)


ARTICLES = TypeAdapter(tuple[ListedArticle, ...])
CHANNELS = TypeAdapter(tuple[ListedChannel, ...])


async def list_articles(http: Http, pos: Pos, page: int) -> Sequence[Article]:
    """One page, from 1; less than PAGE_SIZE is the last. Raises Unavailable and Refused."""
    body: Json = {"page": page, "pageSize": PAGE_SIZE}
    reply = await call(http, pos, "POST", names.ARTICLES, body)
    return [article(found) for found in understood(reply, pos, ARTICLES)]


async def list_channels(http: Http, pos: Pos) -> dict[int, str]:
    """Each channel's token by its id. Raises Unavailable and Refused."""
    reply = await call(http, pos, "GET", names.CHANNELS, None)
    return {found.id: found.token for found in understood(reply, pos, CHANNELS)}


def understood(reply: Reply, pos: Pos, kind: TypeAdapter[Any]) -> Any:
    sort_out(reply, pos)
    try:
        return kind.validate_python(json.loads(reply.body, parse_float=Decimal))
    except (ValidationError, ValueError, RecursionError) as error:
        what = error.errors()[0]["loc"] if isinstance(error, ValidationError) else "not JSON"
        raise Unavailable(f"OktoPOS' articles are not understood: {what}", pos=None) from None


def article(found: ListedArticle) -> Article:
    return Article(
        id=str(found.id),
        name=found.name,
        external_reference=found.external_reference,
        material_number=found.material_number,
        prices=tuple(
            Price(price.channel.id, price.cents, price.tax_rate_id, price.tax_rate)
            for price in found.prices
        ),
    )
