"""Every name of the OrderAPI in one table, so that one edit puts a wrong guess right.

Documented by the vendor or reported by integrators unless marked assumed: those nobody has seen
at a real instance yet.
"""

from __future__ import annotations

KEY_HEADER = "X-API-Key"

CREATE = "/order/create"  # POST assumed
READY = "/order/ready"  # assumed
SET_STATUS = "/order/set-status"  # assumed
SET_PAYMENT_STATUS = "/order/set-payment-status"  # assumed

ARTICLES = "/articles/list"  # assumed
CHANNELS = "/articles/distribution-channels"
ARTICLE_NAME = "description"
ARTICLE_REFERENCE = "externalReferenceNumber"
ARTICLE_MATERIAL = "materialNumber"
ARTICLE_PRICES = "price"
ARTICLE_CHANNEL = "distributionChannel"
ARTICLE_PRICE = "price"
TAX_RATE_ID = "taxRateId"
TAX_RATE = "taxRate"

STATUS_NEW = "new"  # assumed
STATUS_CANCELED = "canceled"  # assumed, by the payment statuses' spelling

TIPS = "tipTransactions"  # the list is documented, its key assumed
ITEM_NAME = "name"  # assumed
ITEM_QUANTITY = "quantity"  # assumed
ITEM_COMMENT = "comment"  # assumed
TIMESTAMP = "timestamp"  # assumed, as in the vendor's Transaction-Api
TIMEZONE = "timezone"  # assumed, likewise
