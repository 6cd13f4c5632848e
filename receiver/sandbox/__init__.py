"""The strict OktoPOS stand-in, and a stand-in for the platforms' APIs: nothing real behind them."""

from receiver.sandbox.app import create_sandbox
from receiver.sandbox.platforms import BEARER, create_platform_api

__all__ = ["BEARER", "create_platform_api", "create_sandbox"]
