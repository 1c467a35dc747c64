"""What a Space has beside its files (hardware, sleep, variables, secrets, a bucket), brought to what is wanted.

Only what differs is changed, and each change is told; no value of a secret ever is. Variables and volumes that are not
spoken of stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from huggingface_hub import Volume

from microscope.errors import UserError
from microscope.hardware import TIERS
from microscope.space.causes import clean
from microscope.space.hub import Runtime, SpaceHub
from microscope.space.names import FOREVER, Bucket

DATA = "MICROSCOPE_DATA"
FREE_CPU = "cpu-basic"


@dataclass(frozen=True)
class Wanted:
    """What a Space is to have; None and nothing leave things as they are. Secrets are values by name."""

    hardware: str | None = None
    sleep_seconds: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    bucket: Bucket | None = None


@dataclass(frozen=True)
class Step:
    """One change: what is said of it, and what makes it; without `make` it is only a remark."""

    said: str
    make: Callable[[], None] | None = field(default=None, repr=False)


def plan_configuration(hub: SpaceHub, wanted: Wanted) -> tuple[Step, ...]:
    """Return the changes that bring the Space to what is wanted, hardware last, for that is what costs.

    Raises UserError where the Space or what it has cannot be read, or cannot be had together.
    """
    runtime = hub.runtime()
    check_sleep(wanted, wanted.hardware or runtime.requested or runtime.hardware)
    return (*_variables(hub, wanted), *_secrets(hub, wanted), *_volume(hub, wanted), *_machine(hub, wanted, runtime))


def hardware_line(space: str, asked: str | None, runtime: Runtime) -> str:
    """Return one line about the hardware that the README's head asks for and what the Space has."""
    has = runtime.requested or runtime.hardware
    if asked is None:
        return f"Hardware: the Space has {has or 'none yet'}; the head of README.md suggests none."
    if has == asked:
        return f"Hardware: {asked}, as the head of README.md suggests."
    return (
        f"Hardware: the head of README.md suggests {asked}, the Space has {has or 'none yet'}; a deploy changes no "
        f"hardware. To change it: microscope space configure {space} --hardware {asked}"
    )


def hardware_remark(space: str, asked: str | None, runtime: Runtime) -> tuple[str, ...]:
    """Return that line where the two differ, and nothing where they agree or nothing is suggested."""
    has = runtime.requested or runtime.hardware
    return () if asked is None or asked == has else (hardware_line(space, asked, runtime),)


def price_of(hardware: str) -> str:
    """Return what hardware costs its owner, in words."""
    price = next((tier.price_per_hour for tier in TIERS if tier.name == hardware), None)
    return f"${price:.2f} an hour while it runs" if price else "free"


def data_of(bucket: Bucket, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that makes the app keep its data in a bucket, unless it is set already."""
    return {} if DATA in variables else {DATA: bucket.path}


def volume_of(bucket: Bucket) -> Volume:
    """Return a bucket as the volume that is mounted, to be read and written."""
    return Volume(type="bucket", source=bucket.source, mount_path=bucket.path, read_only=False)


def apply(steps: Iterable[Step], tell: Callable[[str], None], *, dry: bool = False) -> int:
    """Say each change and make it, one after another, unless `dry`; return how many there are.

    A UserError of the Hub leaves what came before it made; asked again, only the rest differs.
    """
    made = 0
    for step in steps:
        tell(step.said)
        if step.make is not None:
            made += 1
            if not dry:
                step.make()
    return made


def check_sleep(wanted: Wanted, hardware: str | None) -> None:
    """Refuse a time to sleep after for hardware that has its own."""
    if wanted.sleep_seconds is not None and hardware == FREE_CPU:
        raise UserError(
            f"{FREE_CPU} sleeps after 48 hours without a visitor, and nobody can change that: omit --sleep."
        )


def _variables(hub: SpaceHub, wanted: Wanted) -> Iterator[Step]:
    if not wanted.variables and wanted.bucket is None:
        return
    present = hub.variables()
    asked = dict(wanted.variables)
    if wanted.bucket is not None:
        asked |= data_of(wanted.bucket, {**present, **asked})
        stays = asked.get(DATA, present.get(DATA, ""))
        if stays != wanted.bucket.path and not stays.startswith(f"{wanted.bucket.path}/"):
            yield Step(f"note: {DATA} stays {stays}, which does not lie in the bucket; answers are not kept there.")
    for name, value in asked.items():
        if present.get(name) != value:
            # Somebody may have put a token there by hand.
            was = f" (was {clean(present[name])})" if name in present else ""
            yield Step(f"variable {name}: {value}{was}", partial(hub.set_variable, name, value))


def _secrets(hub: SpaceHub, wanted: Wanted) -> Iterator[Step]:
    """Yield every secret asked for: what the Hub has of it cannot be read, and so not compared."""
    present = hub.secret_names() if wanted.secrets else ()
    for name, value in wanted.secrets.items():
        said = "replaced, for its value cannot be compared" if name in present else "set"
        yield Step(f"secret {name}: {said}", partial(hub.set_secret, name, value))


def _volume(hub: SpaceHub, wanted: Wanted) -> Iterator[Step]:
    if wanted.bucket is None:
        return
    bucket, present = wanted.bucket, tuple(hub.volumes())
    there = next((volume for volume in present if volume.mount_path == bucket.path), None)
    if there is not None and (there.type, there.source, bool(there.read_only)) == ("bucket", bucket.source, False):
        return
    others = [volume for volume in present if volume.mount_path != bucket.path]
    was = f" (instead of {there.type} {there.source})" if there is not None else ""
    yield Step(
        f"bucket {bucket.source}: mounted at {bucket.path}, to be read and written{was}",
        partial(hub.set_volumes, (*others, volume_of(bucket))),
    )


def _machine(hub: SpaceHub, wanted: Wanted, runtime: Runtime) -> Iterator[Step]:
    """Yield hardware and sleep, in one call where both differ."""
    has = runtime.requested or runtime.hardware
    sleeps = wanted.sleep_seconds is not None and wanted.sleep_seconds != runtime.sleep_seconds
    asleep = "" if wanted.sleep_seconds is None else f", asleep after {spoken(wanted.sleep_seconds)}"
    if wanted.hardware is not None and wanted.hardware != has:
        said = f"hardware {wanted.hardware} (was {has or 'none'}), {price_of(wanted.hardware)}"
        make = partial(hub.request_hardware, wanted.hardware, wanted.sleep_seconds)
        yield Step(said + (asleep if sleeps else ""), make)
    elif sleeps and wanted.sleep_seconds is not None:
        yield Step(
            f"sleep: after {spoken(wanted.sleep_seconds)} (was {spoken(runtime.sleep_seconds)})",
            partial(hub.set_sleep, wanted.sleep_seconds),
        )


def spoken(seconds: int | None) -> str:
    """Return a time without visitors in words."""
    if seconds is None:
        return "the platform's time"
    return "never" if seconds == FOREVER else f"{seconds:,} seconds without a visitor"
