"""The strict stand-ins, for OktoPOS and for the platforms' APIs: nothing real behind them."""

from receiver.sandbox.app import create_sandbox
from receiver.sandbox.platforms import create_platform

__all__ = ["create_platform", "create_sandbox"]
