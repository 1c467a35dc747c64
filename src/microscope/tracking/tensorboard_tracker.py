"""TensorBoard: one folder of event files a run, written by TensorBoard's own writer; needs no TensorFlow or torch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from microscope.tracking.base import (
    Alert,
    Cell,
    CheckpointVersion,
    MetricPoint,
    Table,
    Thumbnail,
    TrackedRun,
    need,
    safe_name,
)

INSTALL = 'pip install ".[tensorboard]"'
RGB = 3
# Bytes 16 to 24 of a PNG file are its width and height.
PNG_WIDTH, PNG_HEIGHT = slice(16, 20), slice(20, 24)


@dataclass(frozen=True)
class TensorBoardLog:
    """An open file of events."""

    writer: Any

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        """Write each number as a scalar; a step that is not known is 0."""
        scalars = _library("plugins.scalar.summary_v2")
        for point in points:
            self._write(scalars.scalar_pb(point.name, point.value), point.step)

    def table(self, table: Table) -> None:
        """Write a table as Markdown under Text, and its pictures under Images, by the number of their row."""
        lines = [markdown(row) for row in (table.columns, ["---"] * len(table.columns), *table.rows)]
        self._text(table.name, "\n".join(lines), table.step)
        for number, row in enumerate(table.rows):
            for column, cell in zip(table.columns, row, strict=True):
                if isinstance(cell, Thumbnail):
                    self._picture(f"{table.name}/{column}/{number}", cell, table.step)

    def alert(self, alert: Alert) -> None:
        """Write an alert under Text: TensorBoard has none."""
        self._text(f"alerts/{alert.level}/{alert.title}", alert.text, alert.step)

    def checkpoint(self, version: CheckpointVersion) -> None:
        """Do nothing: the run's settings name the checkpoints and their weights."""

    def settings(self, run: TrackedRun) -> None:
        """Write the settings of a run under HParams, and its tags under Text."""
        known = {name: value for name, value in run.config.items() if value is not None}
        self._write(_library("plugins.hparams.summary_v2").hparams_pb(known, trial_id=run.name), None)
        if run.tags:
            self._text("tags", ", ".join(run.tags), None)

    def _text(self, name: str, text: str, step: int | None) -> None:
        self._write(_library("plugins.text.summary_v2").text_pb(name, text), step)

    def _picture(self, name: str, picture: Thumbnail, step: int | None) -> None:
        summary = _library("compat.proto.summary_pb2").Summary
        width, height = (int.from_bytes(picture.png[part], "big") for part in (PNG_WIDTH, PNG_HEIGHT))
        image = summary.Image(width=width, height=height, colorspace=RGB, encoded_image_string=picture.png)
        self._write(summary(value=[summary.Value(tag=name, image=image)]), step)

    def _write(self, summary: Any, step: int | None) -> None:  # noqa: ANN401 - a message of the library's
        event = _library("compat.proto.event_pb2").Event
        self.writer.add_event(event(wall_time=time.time(), step=step or 0, summary=summary))


@dataclass(frozen=True)
class TensorBoardTracker:
    """TensorBoard's event files; look at them with `tensorboard --logdir FOLDER`."""

    key: str = "tensorboard"
    label: str = "TensorBoard"
    install: str = INSTALL

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[TensorBoardLog]:
        """Open a file of events in a folder of its own under `folder/project`."""
        events = _library("summary.writer.event_file_writer")
        log = TensorBoardLog(events.EventFileWriter(str(own_folder(folder / safe_name(run.project), run.name))))
        try:
            log.settings(run)
            yield log
        finally:
            log.writer.close()


def _library(module: str) -> ModuleType:
    return need(f"tensorboard.{module}", "TensorBoard", INSTALL)


def own_folder(parent: Path, name: str) -> Path:
    """Make a folder for a run, numbered where there is one of its name: two runs in one would be one line."""
    safe, number = safe_name(name), 1
    while True:
        path = parent / (safe if number == 1 else f"{safe}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return path


def markdown(cells: Sequence[Cell]) -> str:
    """Return a row of a Markdown table; a picture is its caption."""
    texts = ("" if cell is None else cell.caption if isinstance(cell, Thumbnail) else str(cell) for cell in cells)
    return "| " + " | ".join(" ".join(text.replace("|", "\\|").split()) for text in texts) + " |"


TRACKER = TensorBoardTracker()
