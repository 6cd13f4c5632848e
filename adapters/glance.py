"""A few paths of a JSON body without the rest of it: what the web side reads before it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypedDict

import msgspec

from adapters.payload import peek

Steps: TypeAlias = dict[str, "Steps"]


def glance(*paths: str) -> Callable[[bytes], Mapping[str, object]]:
    """`peek` for these paths, `"body.order.id"`, alone: what is passed over is never built, which
    costs a sixth. It stands between each delivery and its answer."""
    wanted: Steps = {}
    for path in paths:
        steps = wanted
        for step in path.split("."):
            steps = steps.setdefault(step, {})
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(shape(wanted))

    def read(raw: bytes) -> Mapping[str, object]:
        try:
            found: Mapping[str, object] = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return peek(raw)  # not JSON, or another thing where an object was meant
        return found

    return read


def shape(steps: Steps) -> Any:
    """Objects of the wanted keys, none of which need be there; at a path's end anything."""
    if not steps:
        return Any
    inner = {step: shape(further) for step, further in steps.items()}
    return TypedDict("Seen", inner, total=False)  # type: ignore[operator]
