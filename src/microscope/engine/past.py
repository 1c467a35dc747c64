"""What the transformers that is installed calls the cache of what was read: in a call, and in what a call returns."""

from __future__ import annotations

import transformers
from packaging.version import Version

CACHE = "cache" if Version(transformers.__version__) >= Version("5.24") else "past_key_values"
