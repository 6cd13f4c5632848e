"""The strict OktoPOS stand-in, and a stand-in for the platforms' APIs: nothing real behind them."""

from receiver.sandbox.app import create_sandbox
from receiver.sandbox.platforms import create_platform_api

__all__ = ["create_platform_api", "create_sandbox"]
