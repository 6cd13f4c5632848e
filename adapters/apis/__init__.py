"""The platforms' APIs, a module each: where it is, what it is told, and how it lists orders.

The adapters say which call is to be made; what a call must look like stands here, by the platform's
own pages, so that a stand-in and the tests can hold the one against the other.
"""

from __future__ import annotations

from adapters.contract import Unreadable
from adapters.payload import Tree, tree


def entries(raw: bytes) -> tuple[Tree, ...]:
    """The objects of a body that is a list. Raises Unreadable for any other."""
    whole = Tree({"list": tree(raw).value})
    if not isinstance(whole.at("list").value, list):
        raise Unreadable("body: not a list")
    return whole.each("list")
