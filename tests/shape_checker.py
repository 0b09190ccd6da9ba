"""What holds the package's jaxtyping annotations to account while the tests run.

Only shapes and dtypes are checked, and only once the function has returned. Checking before would
forestall the package's own sentence for a wrong shape, which is a thing to test; checking every
other type would do the same for wrong types, and those are mypy's work already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hold a signature to its shapes; the import hook calls this on two stand-ins a function.

    The first stand-in has no return hint (`Any`) and is called before the body: it is let through.
    The second is called after, with arguments and result, so that their letters must agree.
    """
    hints = getattr(function, "__annotations__", {})
    before_the_body = hints.get("return", Any) is Any
    if before_the_body or not any(_is_shaped(hint) for hint in hints.values()):
        return function
    function.__annotations__ = {
        name: hint if _is_shaped(hint) else Any for name, hint in hints.items()
    }
    return _beartype(function)


def _is_shaped(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_is_shaped(part) for part in get_args(hint))
