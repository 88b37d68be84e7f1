"""Waiting for something that another process does: polled, with a deadline that names what never came."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(predicate: Callable[[], T], seconds: float, what: str, every: float = 0.05) -> T:
    """The first truthy result of `predicate`; AssertionError naming `what` after `seconds`.

    An AssertionError, OSError or LookupError of the predicate counts as "not yet" and is shown at the deadline.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            if result := predicate():
                return result
            last = result
        except (AssertionError, OSError, LookupError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last}")
        time.sleep(every)
