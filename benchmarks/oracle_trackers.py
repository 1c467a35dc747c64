"""Holds the tracker adapters against the trackers' own readers: one small evaluation goes in, the same must come out.

`evaluation.tracked` tells it to each tracker that is named, or to those installed here, in a temporary folder,
offline. What was written is read back by MLflow's client, by TensorBoard's event accumulator, and, as W&B has no
reader of offline runs, out of its file of records by its own messages; Trackio's by its API. Exits with 1 where one
differs.
Ours is read from this checkout's `src`; it needs numpy, scipy and pillow besides.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Analysis, Options
from microscope.evaluation.results import Arm, ArmAnswers, ArmFacts, ImageFacts, Results, SetFacts
from microscope.evaluation.tracked import lines_of, metrics_of, track
from microscope.records import GenerationSettings, Item, Picture
from microscope.tracking import find_tracker
from microscope.tracking.base import Destination
from microscope.tracking.history import past_runs

PROJECT, RUN = "scenes", "tiny"
STEPS, SHARES = (2000, 4000, 6000), (0.6, 0.9, 0.5)
ITEMS, IMAGES = 240, 80
# As `evaluation.tracked` bounds a table. Two steps are worse than the baseline, and one than the step before.
ROWS, ALERTS = 32, 3
NEAR = 1e-6
PNG, STAGED = b"\x89PNG\r\n\x1a\n", "staged"
# A .wandb file is a log of LevelDB's: a header, then blocks of records, each with checksum, length and kind.
WANDB_HEADER, WANDB_BLOCK, RECORD_HEAD = 7, 32768, struct.Struct("<IHB")
WHOLE, LAST = 1, 4

Numbers = Mapping[tuple[str, int], float]


def results() -> Results:
    """Return an evaluation of three steps of one run, the last of which is worse than both before."""
    random = np.random.default_rng(7)
    clusters = np.arange(ITEMS) % IMAGES
    items = tuple(
        Item(
            f"item-{n}",
            f"picture-{clusters[n]}.png",
            f"How many dots, number {n}?",
            ("3",),
            "count" if n % 2 else "sum",
        )
        for n in range(ITEMS)
    )
    right = np.stack([random.random(ITEMS) < share for share in SHARES], axis=1)
    answers = tuple(
        ArmAnswers(
            arm=Arm(f"step-{step}", f"step-{step}", f"step {step}", GenerationSettings(), run=RUN, step=step),
            facts=ArmFacts(f"revision-{step}", f"weights-{step}", "float32", "cpu", "sdpa", (("torch", "2"),)),
            texts=tuple("3" if one else "4" for one in right[:, column]),
            failures={},
            cut=frozenset(),
            addresses=("",) * ITEMS,
            tokens=np.ones(ITEMS, np.int64),
        )
        for column, step in enumerate(STEPS)
    )
    images = tuple(ImageFacts(f"{n:064x}", 40, 30) for n in range(IMAGES))
    scores = np.stack([right] * 3).astype(np.float64)
    whole = SetFacts("dots", "d" * 64, ITEMS)
    return Results(
        whole, items, clusters, images, "exact", answers, scores, np.ones_like(right), ITEMS, np.arange(ITEMS)
    )


def picture(name: str) -> Picture:
    """Return the picture of a name: one colour."""
    shade = int(name.removeprefix("picture-").removesuffix(".png"))
    return Picture(40, 30, bytes([shade, 0, 0]) * 1200)


def expected(found: Results, analysis: Analysis) -> Numbers:
    """Return the numbers that a tracker must have, by name and step."""
    (line,) = lines_of(found)
    return {(point.name, point.step or 0): point.value for point in metrics_of(line, found, analysis)}


def main() -> int:
    """Write to each tracker, read back, and tell; return 1 where something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "trackers", nargs="*", choices=[*READERS, []], help="those that must be installed; else all that are"
    )
    asked = parser.parse_args().trackers or [key for key in READERS if find_spec(key)]
    found = results()
    analysis = analyse(found, Options(baseline="step-4000"))
    numbers = expected(found, analysis)
    failed = False
    for key in asked:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            # W&B keeps a table's pictures, until they are sent, in the folder that this names.
            os.environ["WANDB_DATA_DIR"] = str(place / STAGED)
            raised = track(Destination(find_tracker(key), place, PROJECT), found, analysis, picture)
            wrong = [*unequal("alerts raised", len(raised), ALERTS), *READERS[key](place, numbers)]
        failed = failed or bool(wrong)
        told = (
            f"differs: {'; '.join(wrong)}"
            if wrong
            else f"{len(numbers)} numbers, the table and the alerts are the same"
        )
        print(f"{key:12} {told}")
    return int(failed)


def differing(read: Mapping[tuple[str, int], float], numbers: Numbers) -> Iterator[str]:
    """Yield what is missing among the numbers read back, or not the same."""
    for (name, step), value in numbers.items():
        back = read.get((name, step))
        if back is None or abs(back - value) > NEAR:
            yield f"{name} at step {step} is {back}, not {value}"


def unequal(what: str, read: object, expected_value: object) -> Iterator[str]:
    """Yield a sentence where a value read back is another."""
    if read != expected_value:
        yield f"{what}: {read!r}, not {expected_value!r}"


def read_mlflow(folder: Path, numbers: Numbers) -> Iterator[str]:
    """Read metrics, settings, table, alerts and the model registry by MLflow's client."""
    mlflow = import_module("mlflow")
    # Tables are found through the store of the process; the adapter uses a client of its own and sets none.
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(PROJECT)
    (run,) = client.search_runs([experiment.experiment_id])
    yield from unequal("status", run.info.status, "FINISHED")
    names = {name for name, _ in numbers}
    points = [point for name in names for point in client.get_metric_history(run.info.run_id, name)]
    yield from differing({(point.key, point.step): point.value for point in points}, numbers)
    yield from unequal("digest", run.data.params["set.digest"], "d" * 64)
    yield from unequal("alerts", sum(tag.startswith("alert.") for tag in run.data.tags), ALERTS)
    table = client.load_table(experiment.experiment_id, "disagreements.json", [run.info.run_id])
    yield from unequal("rows", len(table), ROWS)
    versions = sorted(client.search_model_versions(f"name = '{RUN}'"), key=lambda version: int(version.version))
    yield from unequal("weights", [one.tags["weights"] for one in versions], [f"weights-{step}" for step in STEPS])
    champion = client.get_model_version_by_alias(RUN, "champion")
    yield from unequal("champion", (champion.tags["step"], champion.tags["revision"]), ("4000", "revision-4000"))


def read_tensorboard(folder: Path, numbers: Numbers) -> Iterator[str]:
    """Read scalars, texts and pictures by TensorBoard's event accumulator."""
    reader = import_module("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    array = import_module("tensorboard.util.tensor_util").make_ndarray
    events = reader(str(folder / PROJECT / RUN), size_guidance={"images": 0, "tensors": 0, "scalars": 0})
    events.Reload()
    read = {}
    for name in {name for name, _ in numbers}:
        for point in events.Tensors(name):
            read[name, point.step] = float(array(point.tensor_proto))
    yield from differing(read, numbers)
    tags = events.Tags()
    yield from unequal("alerts", sum(tag.startswith("alerts/") for tag in tags["tensors"]), ALERTS)
    yield from unequal("pictures", len(tags["images"]), ROWS)
    (text,) = array(events.Tensors("disagreements")[0].tensor_proto).reshape(-1)[:1]
    yield from unequal("rows", len(text.decode().splitlines()), ROWS + 2)
    (image,) = events.Images(tags["images"][0])
    yield from unequal("size of a picture", (image.width, image.height), (40, 30))


def read_wandb(folder: Path, numbers: Numbers) -> Iterator[str]:
    """Read history, configuration and alerts out of the records of an offline run, and the table beside them."""
    message = import_module("wandb.proto.wandb_internal_pb2").Record
    # The library's service may still be writing after a run has ended; it ends with the process, or here.
    import_module("wandb").teardown()
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    read: dict[tuple[str, int], float] = {}
    config: dict[str, Any] = {}
    alerts = 0
    for data in wandb_records(path.read_bytes()):
        record = message.FromString(data)
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        step = int(row.get("training_step", 0))
        read.update({(name, step): value for name, value in row.items() if isinstance(value, int | float)})
        config.update({item.key: json.loads(item.value_json) for item in record.run.config.update})
        alerts += record.HasField("alert")
    yield from differing(read, numbers)
    yield from unequal("digest", config.get("set.digest"), "d" * 64)
    yield from unequal("alerts", alerts, ALERTS)
    (table,) = path.parent.glob("files/media/table/**/*.json")
    yield from unequal("rows", len(json.loads(table.read_text())["data"]), ROWS)
    staged = [file for file in (folder / STAGED).rglob("*") if file.is_file() and file.read_bytes()[:8] == PNG]
    yield from unequal("pictures", len(staged), ROWS)


def wandb_records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a .wandb file; one that does not fit in a block comes in parts."""
    place, whole = WANDB_HEADER, b""
    while place + RECORD_HEAD.size <= len(data):
        left = WANDB_BLOCK - place % WANDB_BLOCK
        if left < RECORD_HEAD.size:
            place += left
            continue
        _, length, kind = RECORD_HEAD.unpack_from(data, place)
        place += RECORD_HEAD.size
        whole += data[place : place + length]
        place += length
        if kind in (WHOLE, LAST):
            yield whole
            whole = b""


def read_trackio(folder: Path, numbers: Numbers) -> Iterator[str]:
    """Read metrics and alerts by our own history, which asks Trackio's API."""
    (run,) = past_runs(folder, PROJECT)
    read = {(name, step): value for name, points in run.metrics.items() for step, value in points}
    yield from differing(read, numbers)
    yield from unequal("alerts", len(run.alerts), ALERTS)


READERS: dict[str, Callable[[Path, Numbers], Iterator[str]]] = {
    "trackio": read_trackio,
    "wandb": read_wandb,
    "mlflow": read_mlflow,
    "tensorboard": read_tensorboard,
}

if __name__ == "__main__":
    sys.exit(main())
