"""Where memory runs out others go, it is tried once more, and nothing of the failed try is kept."""

from __future__ import annotations

import weakref

import pytest
import torch

from microscope.engine.ladder import climb
from microscope.errors import OutOfMemoryError


class Heavy:
    """Something large that the failed try made."""


def test_what_works_is_not_touched() -> None:
    assert climb(lambda: 7, forbidden, lambda: "") == 7


def forbidden() -> None:
    pytest.fail("nothing ran out")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "python", "cpu"],
)
def test_it_is_tried_once_more_when_the_others_have_gone(error: BaseException) -> None:
    tries, relieved = [], []

    def work() -> str:
        tries.append(1)
        if not relieved:
            raise error
        return "done"

    assert climb(work, lambda: relieved.append(1), lambda: "") == "done"
    assert len(tries) == 2


def test_what_the_failed_try_made_is_gone_before_the_others_go() -> None:
    """Its error holds the frames, and they hold the tensors: they are gone without the garbage collector."""
    left: list[weakref.ref[Heavy]] = []

    def work() -> None:
        heavy = Heavy()
        left.append(weakref.ref(heavy))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    def relieve() -> None:
        assert left[-1]() is None

    with pytest.raises(OutOfMemoryError, match=r"needs 2\.00 GB") as caught:
        climb(work, relieve, lambda: "It needs 2.00 GB.")
    assert len(left) == 2
    assert caught.value.__context__ is None


def test_another_error_is_no_matter_of_memory() -> None:
    def work() -> None:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        climb(work, forbidden, lambda: "")
