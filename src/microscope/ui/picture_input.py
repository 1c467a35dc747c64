"""An image field that hands over the file as it came; decoding is the guard's business, not the server's."""

from __future__ import annotations

import gradio as gr
from gradio.data_classes import ImageData

from microscope.ui import text


class PictureInput(gr.Image):
    """Gradio's image component, except that it never opens an upload.

    Gradio's own opens every file before validators and handlers run, so that a damaged one ends in an error without a
    sentence.
    """

    # Gradio then draws it as what it derives from.
    is_template = True

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path of the upload, undecoded; None where there is none.

        An image inside the message itself (a `data:` address) counts as none: it would slip past the limit on uploads.
        """
        return payload.path if payload is not None else None


def picture_input(height: int, elem_id: str | None = None) -> PictureInput:
    """Draw the field for an image, so many pixels high."""
    return PictureInput(
        type="filepath",
        image_mode=None,
        format="png",
        sources=["upload", "clipboard", "webcam"],
        label=text.IMAGE,
        height=height,
        buttons=["fullscreen"],
        elem_id=elem_id,
    )
