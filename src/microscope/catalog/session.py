"""The one HTTP client that the Hub's library has in this process; knows no address and no limit.

The library closes that client wherever a connection cannot be made, under the hands of the threads that use it too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from huggingface_hub import get_session, set_client_factory

Hook = Callable[[Any], None]


def add_request_hook(hook: Hook, *, first: bool = False) -> None:
    """Let a function see every request to the Hub before it is sent, after or before the functions that do already.

    Exchanging the client breaks off what it is loading: once for each function is enough.
    """
    given = get_session()
    there: list[Hook] = given.event_hooks["request"]
    hooks = {"request": [hook, *there] if first else [*there, hook]}
    kind = _outliving(type(given))
    set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=given.follow_redirects, timeout=given.timeout))


def _outliving(kind: type[Any]) -> type[Any]:
    """Return a kind of client that tells of its having been closed as of any lost connection, and no bug.

    The library tries again after a lost connection, with the client of that moment.
    """
    if "_outlives" in vars(kind):
        return kind
    # Whose client it is has changed from one release of the library to the next.
    lost = import_module(kind.__module__.partition(".")[0]).NetworkError

    class Outliving(kind):
        _outlives = True

        def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  (as the client has it)
            try:
                return super().send(request, **options)
            except RuntimeError as error:
                if not self.is_closed:
                    raise
                sentence = "The connection to the Hub was closed, for another one could not be made."
                raise lost(sentence, request=request) from error

    return Outliving
