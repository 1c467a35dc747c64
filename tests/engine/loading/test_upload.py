"""Tensors arrive as they were, through buffers that are reused; on a CPU the buffers are forced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from microscope.engine.loading.upload import Uploads

SHAPES = ((), (0,), (1,), (7,), (3, 5), (64, 64), (2, 3, 4, 5))
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no such device"))


def drawn(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(shape, generator=generator) * 100).to(dtype) for shape in SHAPES]


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("size", [16, 100, 1000, 2**20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_all_arrive_as_they_were_however_large_the_buffers(dtype: torch.dtype, size: int, device: str) -> None:
    uploads, tensors = Uploads(device, size), drawn(dtype)
    # Twice, for the buffers are used again.
    for _ in range(2):
        arrived = uploads.send((tensor, dtype) for tensor in tensors)
        assert [one.device.type for one in arrived] == [device] * len(tensors)
        assert [one.shape for one in arrived] == [one.shape for one in tensors]
        assert all(torch.equal(one.cpu(), other) for one, other in zip(arrived, tensors, strict=True))


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("size", [24, 4096])
def test_casts_are_those_of_a_cpu(size: int, device: str) -> None:
    tensors = drawn(torch.float32)
    wanted = [torch.bfloat16, torch.float16, torch.float64, torch.float32] * 2
    arrived = Uploads(device, size).send(zip(tensors, wanted, strict=False))
    for one, other, dtype in zip(arrived, tensors, wanted, strict=False):
        assert torch.equal(one.cpu(), other.to(dtype))


def test_what_arrived_shares_no_memory_with_the_source_or_the_buffers() -> None:
    uploads, source = Uploads("cpu", 64), torch.arange(100.0)
    (first,) = uploads.send([(source, torch.float32)])
    kept = first.clone()
    uploads.send([(torch.zeros(100), torch.float32)])
    source.zero_()
    assert torch.equal(first, kept)


def test_two_buffers_are_made_once_whatever_is_sent() -> None:
    uploads = Uploads("cpu", 64)
    assert uploads._buffers == []
    uploads.send([(torch.zeros(100), torch.float32)])
    made = [buffer.data_ptr() for buffer in uploads._buffers]
    uploads.send([(torch.zeros(3000), torch.float32)])
    assert [buffer.data_ptr() for buffer in uploads._buffers] == made
    assert [buffer.numel() for buffer in uploads._buffers] == [64, 64]


def test_small_tensors_share_a_buffer() -> None:
    uploads = Uploads("cpu", 64)
    uploads.send([(torch.ones(4), torch.float32)] * 5)
    # Sixteen bytes each: four fill the first buffer, the fifth begins the second.
    assert (uploads._current, uploads._filled) == (1, 16)


def test_an_upload_that_failed_leaves_the_next_one_whole() -> None:
    uploads, tensors = Uploads("cpu", 100), drawn(torch.float32)

    def broken() -> Iterator[tuple[torch.Tensor, torch.dtype]]:
        yield tensors[-1], torch.float32
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        uploads.send(broken())
    arrived = uploads.send((tensor, torch.float32) for tensor in tensors)
    assert all(torch.equal(one, other) for one, other in zip(arrived, tensors, strict=True))


def test_to_a_cpu_nothing_is_copied_that_has_its_dtype() -> None:
    source = torch.arange(10.0)
    same, cast = Uploads("cpu").bring([(source, torch.float32), (source, torch.bfloat16)])
    assert same is source
    assert torch.equal(cast, source.to(torch.bfloat16))


def test_a_tensor_in_another_order_of_memory_arrives_in_its_own() -> None:
    turned = torch.arange(12.0).reshape(3, 4).T
    (arrived,) = Uploads("cpu", 16).send([(turned, torch.float32)])
    assert torch.equal(arrived, turned)
