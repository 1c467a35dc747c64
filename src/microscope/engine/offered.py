"""What is offered now: the one place that everybody asks for the catalogue when it is used; changes none by itself.

State lives in the process. A catalogue is replaced as a whole, so that whoever reads it sees the one before or the one
after. What is under way holds its own checkpoint and ends with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from microscope.catalog.spec import Catalog


class Offered:
    """Holds the catalogue of this moment.

    Reading takes no lock: a forked child would inherit it as it was held.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._changing = threading.Lock()

    @property
    def catalog(self) -> Catalog:
        """Return what is offered now."""
        return self._catalog

    def change(self, make: Callable[[Catalog], Catalog]) -> Catalog:
        """Replace the catalogue by what `make` returns for the one before, and return it; one change after another.

        What `make` raises leaves everything as it was.
        """
        with self._changing:
            self._catalog = make(self._catalog)
            return self._catalog
