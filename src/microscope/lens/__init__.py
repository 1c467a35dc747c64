"""Looks inside a checkpoint's answer: where on the picture it came from, and how far that may be believed.

Importing the room brings in the engine, which repairs torchvision: without it, nothing of transformers that touches
pictures can be imported.
"""

import microscope.engine  # noqa: F401
