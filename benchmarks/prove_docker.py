"""Proves the Dockerfile without an engine: its very commands in a clean root, then a question to what they made.

A root of Debian is made with debootstrap, every instruction is carried out in it, and the command is started as the
image's user, in a network of its own, where nothing but the volume and /tmp can be written. Then the health check must
pass, a checkpoint must answer a question whose answer is known, and the signal to stop must end it in order.

What differs from an image: the Python is Debian's (3.11), where the image's base brings 3.12; pip finds packages as it
does on this machine; there are no layers to reuse, and no limits on what the root may ask of the system.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from docker_build import Builder, Image
from docker_pip import Network, this_machine
from docker_root import Shell, make_base, missing_tools, run
from docker_run import GRACE, Container, started

import microscope

SOURCE = Path(__file__).resolve().parents[1]
# Another address of the loopback than the usual one: it answers only where the app listens on every address.
ADDRESS = "http://127.0.0.2:7860"
ASK = f"""
import sys
sys.path.insert(0, "src")
from microscope.space.findings import Status
from microscope.space.smoke import Expected, smoke
found = smoke({ADDRESS!r}, Expected({microscope.__version__!r}))
for one in found:
    print(f"{{one.subject}}: {{one.status.value}}: {{one.detail}} {{one.advice}}".strip())
sys.exit(any(one.status is not Status.OK for one in found))
"""
INSTALLED = """
import platform
from importlib.metadata import version
names = ("torch", "torchvision", "transformers", "gradio", "spaces", "huggingface_hub")
print(f"Python {platform.python_version()},", ", ".join(f"{name} {version(name)}" for name in names))
"""
# What Debian lets everybody write.
SHARED = ("/tmp", "/var/tmp", "/run/lock")  # noqa: S108
# What a link leads to is found where it is; where the user may not look nothing is open to him.
WRITABLE = ("/bin/sh", "-c", "find / -xdev -path /proc -prune -o -writable -not -type l -print 2>/dev/null; true")
ANSWER_SECONDS = 600.0


def prove(place: Path, given: dict[str, str], mirror: str) -> None:
    """Build, run, ask and stop, printing each step; a SystemExit tells what is wrong."""
    here = this_machine()
    # An index that cannot be reached is passed over at once, instead of after minutes for each package.
    network = Network({"PIP_RETRIES": "1", **here.environment}, here.binds)
    print(f"pip's options from this machine: {', '.join(sorted(network.environment))}")
    base, log = place / "base", place / "build.log"
    if not base.is_dir():
        began = time.monotonic()
        make_base(base, mirror, network, log)
        print(f"{time.monotonic() - began:7.1f} s  base, by debootstrap: {size(base)}", flush=True)
    image = Builder(base, place, SOURCE, given, network, log, tell).build()
    look_at(image, network, log)
    for time_ in ("first", "second"):
        print(f"Started for the {time_} time, the root read-only but for {', '.join(image.volumes)} and /tmp.")
        with started(image, place / f"{time_}.log") as container:
            question(container)
    print("All of it passed.")


def look_at(image: Image, network: Network, log: Path) -> None:
    """Print what the built root holds, and end where it is not as promised."""
    for title, words in (("installed", ["python", "-c", INSTALLED]), ("pip check", ["pip", "check"])):
        note = log.with_name(f"{title.replace(' ', '-')}.log")
        if run(image.root, words, image.work, Shell(network.binds), note):
            raise SystemExit(f"{title}: {note.read_text(encoding='utf-8')}")
        print(f"{title}: {note.read_text(encoding='utf-8').strip()}")
    note = log.with_name("writable.log")
    run(image.root, WRITABLE, image.work, Shell(), note)
    allowed = (*image.volumes, *SHARED)
    found = [line for line in note.read_text(encoding="utf-8").splitlines() if not line.startswith(allowed)]
    if found:
        raise SystemExit(f"the user may write {found[0]}")
    print(f"the user may write {', '.join(image.volumes)}, and what is everybody's; the root takes {size(image.root)}")


def question(container: Container) -> None:
    """Wait for health, ask, look at what is kept, and stop."""
    print(f"{container.wait_until_healthy():7.1f} s  until HEALTHCHECK passed")
    who = container.user()
    if 0 in who:
        raise SystemExit("it runs as root")
    began = time.monotonic()
    status, said = container.execute(["python", "-c", ASK], {}, ANSWER_SECONDS)
    print(f"{time.monotonic() - began:7.1f} s  asked, as user and group {who}:\n{said}", flush=True)
    if status:
        raise SystemExit("the question was not answered as it must be")
    took, ended = container.stop()
    print(f"{took:7.1f} s  until {container.image.signal} ended it, status {ended}")
    if took > GRACE:
        raise SystemExit(f"it did not stop within {GRACE:.0f} s: an engine would have killed it")
    volumes = [container.image.path(volume) for volume in container.image.volumes]
    kept = [path.relative_to(place) for place in volumes for path in place.rglob("*") if path.is_file()]
    print(f"kept in the volume: {len(kept)} files, in {', '.join(sorted({str(path.parent) for path in kept}))}")


def size(folder: Path) -> str:
    """Return the room that a folder takes."""
    told = subprocess.run(["du", "-sxh", str(folder)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return told.stdout.split()[0]


def tell(line: str) -> None:
    """Print a step at once."""
    print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove it in a folder that is given and stays, or in one that goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as docker build takes it"
    )
    parser.add_argument(
        "--mirror", default="", help="where debootstrap finds Debian; by default where it looks itself"
    )
    parser.add_argument("--place", type=Path, help="an empty folder to work in, or one with the base of a run before")
    given = parser.parse_args(arguments)
    if lacking := missing_tools():
        raise SystemExit(f"This needs {', '.join(lacking)}: run it as root, after apt-get install debootstrap.")
    values = dict(one.split("=", 1) for one in given.build_arg)
    if given.place:
        prove(given.place.resolve(), values, given.mirror)
    else:
        with TemporaryDirectory() as place:
            prove(Path(place), values, given.mirror)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
