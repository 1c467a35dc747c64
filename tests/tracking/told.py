"""What tests tell a tracker: a run, and one of everything in it."""

from __future__ import annotations

import io

from PIL import Image

from microscope.tracking.base import Alert, CheckpointVersion, MetricPoint, RunLog, Table, Thumbnail, TrackedRun

RUN = TrackedRun("my scenes", "tiny run", {"settings.seed": 3, "keep": None}, ("scenes", "exact"), "scenes 1234")


def png(colour: str = "red") -> bytes:
    """Return a PNG file of 12 by 8 pixels of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(file, format="PNG")
    return file.getvalue()


def tell(log: RunLog) -> None:
    """Write one of everything: two steps, a table with a picture, an alert, a checkpoint."""
    log.metrics([MetricPoint("score/mean", 0.5, 100), MetricPoint("score/mean", 0.75, 200)])
    log.metrics([MetricPoint("score/low", 0.7, 200)])
    rows = (("item-1", Thumbnail(png(), "a.png"), 1.0), ("item-2", None, 0.0))
    log.table(Table("disagreements", ("item", "picture", "score"), rows, 200))
    log.alert(Alert("worse", "It scores less.", "error", 200))
    log.checkpoint(CheckpointVersion("tiny run", "step-200", "abc", "f" * 64, 0.75, 200))
