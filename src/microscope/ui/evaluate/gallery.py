"""Connects the gallery of items to what it shows: the tab's part of it; decides nothing about items itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from microscope.errors import UserError
from microscope.ui.compare.events import LIGHT
from microscope.ui.evaluate import gallery_payload
from microscope.ui.evaluate.gallery_payload import Json, Shown
from microscope.ui.evaluate.gallery_query import View
from microscope.ui.evaluate.gallery_thumbs import Thumbnails


class GalleryHandlers:
    """The gallery's event handlers, over the process's thumbnails; what is shown comes in with the visit's state."""

    def __init__(self, thumbs: Thumbnails | None = None) -> None:
        self._thumbs = thumbs or Thumbnails()

    def open(self, shown: Shown | None, view: View | None = None, *, chosen: int | None = None) -> Json | None:
        """Return the component's value for results that are shown from the start; `chosen` is a slice's number."""
        return None if shown is None else gallery_payload.opening(shown, self._thumbs, view, chosen=chosen)

    def changed(self, shown: Shown | None) -> Json | None:
        """Return the component's value for results that grew: filters, search and place stay as they are."""
        return None if shown is None else gallery_payload.change(shown, self._thumbs)

    def more(self, shown: Shown | None, data: gr.EventData) -> Json | None:
        """Answer the event `more`."""
        return self._answer(shown, data, lambda held, asked: gallery_payload.more(held, self._thumbs, asked))

    def large(self, shown: Shown | None, data: gr.EventData) -> Json | None:
        """Answer the event `large`."""
        return self._answer(shown, data, gallery_payload.enlarged)

    @staticmethod
    def number(shown: Shown, data: gr.EventData) -> int:
        """Return the item's number that `open_compare` or `open_lens` sent; a `UserError` where there is none such."""
        return gallery_payload.item_number(shown, _sent(data))

    @staticmethod
    def _answer(
        shown: Shown | None, data: gr.EventData, answer: Callable[[Shown, Mapping[str, Any]], Json | None]
    ) -> Json | None:
        if shown is None:
            return None
        asked = _sent(data)
        try:
            return answer(shown, asked)
        except UserError as error:
            # An event that does not wait in the queue can raise no message on the page.
            return {"mode": "trouble", "ask": asked.get("ask"), "message": str(error)}


def wire_gallery(component: gr.HTML, state: gr.State, handlers: GalleryHandlers) -> None:
    """Connect the events that the gallery answers itself; `open_compare` and `open_lens` are the tab's to connect."""
    for event, handler in ((component.more, handlers.more), (component.large, handlers.large)):
        # A page may be asked for while another is on its way.
        event(handler, [state], component, trigger_mode="multiple", **LIGHT)


def _sent(data: gr.EventData) -> Mapping[str, Any]:
    sent = data._data  # noqa: SLF001  (there is no other way to what may be absent)
    return sent if isinstance(sent, Mapping) else {}
