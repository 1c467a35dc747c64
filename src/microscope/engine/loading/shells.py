"""Models without weights, kept to be filled with another checkpoint's; knows no file and no device.

A shell is a module tree as `from_pretrained` made it. Filling points its parameters at tensors, stripping takes them
away again, and what generating left on its modules goes with them: the next checkpoint finds the shell as it was new.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from microscope.engine.loading.keys import Unmapped
from microscope.engine.loading.signature import Signature

FREE_OF_ONE, FREE = 2, 8
# What a copy may share with its original.
IMMUTABLE = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)
MUTABLE = (dict, OrderedDict, list, set)

Place = tuple[nn.Module, str]


@dataclass(frozen=True)
class Slot:
    """A parameter or persistent buffer: its name in the files, where it stands (tied ones in several places).

    The placeholder is a meta tensor of its shape and dtype, which stands there while the shell is empty.
    """

    key: str
    places: tuple[Place, ...]
    placeholder: torch.Tensor

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype in which the model wants it."""
        return self.placeholder.dtype

    @property
    def tensor(self) -> torch.Tensor:
        """Return what stands there now."""
        module, name = self.places[0]
        return self._table(module)[name]

    def put(self, tensor: torch.Tensor) -> None:
        """Put a tensor in every place."""
        if isinstance(self.placeholder, nn.Parameter) and not isinstance(tensor, nn.Parameter):
            tensor = nn.Parameter(tensor, requires_grad=False)
        for module, name in self.places:
            # Not by setattr, which looks into everything that a module has.
            self._table(module)[name] = tensor

    def _table(self, module: nn.Module) -> dict[str, Any]:
        return module._parameters if isinstance(self.placeholder, nn.Parameter) else module._buffers


@dataclass(frozen=True)
class _Record:
    """What a module or configuration had in its attributes when the shell was new; containers also with what was in.

    Elements are remembered as they are: what is changed inside them is not found.
    """

    owner: Any
    attributes: dict[str, Any]
    # Most are, above all the hooks that a module does not have.
    empty: tuple[Any, ...]
    contents: tuple[tuple[Any, Any], ...]
    versions: tuple[tuple[torch.Tensor, int], ...]

    @staticmethod
    def of(owner: object) -> _Record:
        attributes = dict(vars(owner))
        containers = [value for value in attributes.values() if type(value) in MUTABLE]
        contents = tuple((container, copy.copy(container)) for container in containers if container)
        inside = [element for _, saved in contents for element in _elements(saved)]
        tensors = [value for value in (*attributes.values(), *inside) if isinstance(value, torch.Tensor)]
        versions = tuple((tensor, tensor._version) for tensor in tensors if not tensor.is_meta)
        return _Record(owner, attributes, tuple(one for one in containers if not one), contents, versions)

    def restore(self) -> bool:
        """Put back what changed, and tell whether that was possible: what was written into a tensor is lost."""
        now = vars(self.owner)
        if len(now) != len(self.attributes) or not all(map(is_, now.values(), self.attributes.values())):
            now.clear()
            now.update(self.attributes)
        if any(self.empty):
            for container in self.empty:
                container.clear()
        for container, saved in self.contents:
            if not _same(container, saved):
                container.clear()
                (container.extend if isinstance(container, list) else container.update)(saved)
        return all(tensor._version == version for tensor, version in self.versions)

    def copied(self, memo: dict[int, Any]) -> dict[str, Any]:
        """Return copies of the attributes as they were when the shell was new."""
        saved = {id(one): type(one)() for one in self.empty} | {id(one): content for one, content in self.contents}
        return {name: _copied(saved.get(id(value), value), memo) for name, value in self.attributes.items()}


class Shell:
    """A model that can be filled, emptied and copied; `slots` says what it takes.

    `own_bytes` are those of the tensors that stay in it, such as rotary tables.
    """

    def __init__(
        self, model: PreTrainedModel, slots: Sequence[Slot], records: Sequence[_Record], own_bytes: int
    ) -> None:
        self.model, self.slots, self._records, self.own_bytes = model, tuple(slots), tuple(records), own_bytes

    @property
    def tensors(self) -> list[tuple[str, torch.Tensor]]:
        """Return what stands in the slots, under its name in the files."""
        return [(slot.key, slot.tensor) for slot in self.slots]

    def fill(self, tensors: Iterable[torch.Tensor]) -> None:
        """Take the tensors of the slots, in their order; they are pointed at, not copied."""
        for slot, tensor in zip(self.slots, tensors, strict=True):
            slot.put(tensor)

    def strip(self) -> bool:
        """Let go of the weights and of what generating left behind; tell whether the shell is as it was new."""
        for slot in self.slots:
            slot.put(slot.placeholder)
        # All of them, also behind one that cannot be restored.
        return min([record.restore() for record in self._records])

    def clone(self) -> Shell:
        """Return an empty shell like this one when it was new, whatever this one is used for now.

        Tensors that are no weights, such as rotary tables, are copied.
        """
        memo: dict[int, Any] = {id(slot.placeholder): slot.placeholder for slot in self.slots}
        owners = {id(record.owner): _bare(record.owner) for record in self._records}
        memo.update(owners)
        for record in self._records:
            vars(owners[id(record.owner)]).update(record.copied(memo))
        slots = [
            Slot(slot.key, tuple((owners[id(module)], name) for module, name in slot.places), slot.placeholder)
            for slot in self.slots
        ]
        return Shell(owners[id(self.model)], slots, [_Record.of(owner) for owner in owners.values()], self.own_bytes)


def capture(model: PreTrainedModel, keys: Mapping[str, str]) -> Shell:
    """Return the shell of a model that was just loaded and not used yet; the model keeps its weights.

    `keys` has the files' name of each parameter and persistent buffer, of tied ones at least one's.
    """
    if any("_hf_hook" in vars(module) for module in model.modules()):
        raise Unmapped("its parts are moved between devices by hooks")
    slots = _slots(model, keys)
    weights = [slot.tensor for slot in slots]
    for slot in slots:
        slot.put(slot.placeholder)
    try:
        own_bytes = sum(tensor.nbytes for tensor in model.buffers() if not tensor.is_meta)
        records = [_Record.of(owner) for owner in (*model.modules(), *_configurations(model))]
    finally:
        # Also where that fails: the model is to be used all the same.
        for slot, weight in zip(slots, weights, strict=True):
            slot.put(weight)
    return Shell(model, slots, records, own_bytes)


def _slots(model: PreTrainedModel, keys: Mapping[str, str]) -> list[Slot]:
    places: dict[int, dict[Place, None]] = {}
    tensors, found = {}, {}
    for path, module in model.named_modules(remove_duplicate=False):
        kept = module._buffers.keys() - module._non_persistent_buffers_set
        for name, tensor in (*module._parameters.items(), *((name, module._buffers[name]) for name in kept)):
            if tensor is None:
                continue
            if type(tensor) not in (nn.Parameter, torch.Tensor):
                raise Unmapped(f"{path}.{name} is a {type(tensor).__name__}")
            tensors[id(tensor)] = tensor
            places.setdefault(id(tensor), {})[module, name] = None
            key = keys.get(f"{path}.{name}" if path else name)
            if key is not None:
                found[id(tensor)] = key
    return [Slot(found[one], tuple(places[one]), _placeholder(tensor)) for one, tensor in tensors.items()]


def _placeholder(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    return nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty


def _configurations(model: PreTrainedModel) -> list[PreTrainedConfig]:
    """Return the configurations that the modules have, and those inside them, each once."""
    found: dict[int, PreTrainedConfig] = {}
    owners: list[object] = list(model.modules())
    while owners:
        for value in vars(owners.pop()).values():
            if isinstance(value, PreTrainedConfig) and id(value) not in found:
                found[id(value)] = value
                owners.append(value)
    return list(found.values())


def _bare(owner: object) -> Any:  # noqa: ANN401  (of the owner's own class)
    return type(owner).__new__(type(owner))


def _elements(container: Any) -> list[Any]:  # noqa: ANN401  (any of `MUTABLE`)
    return [*container.keys(), *container.values()] if isinstance(container, dict) else list(container)


def _same(container: Any, saved: Any) -> bool:  # noqa: ANN401  (any of `MUTABLE`)
    """Tell whether a container has the very elements that it had; of tensors, equality says nothing about that."""
    if len(container) != len(saved):
        return False
    if isinstance(container, set):
        return container == saved
    return not saved or all(map(is_, _elements(container), _elements(saved)))


def _copied(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401  (any attribute)
    if type(value) in IMMUTABLE:
        return value
    # An empty one was made for this copy, in the place of one that may be in use.
    return value if type(value) in MUTABLE and not value else copy.deepcopy(value, memo)


@dataclass
class Shells:
    """Free shells by signature, the least recently used dropped first; several threads may use it."""

    _free: OrderedDict[Signature, list[Shell]] = field(default_factory=OrderedDict)
    # Those that are free or filled, to make more of.
    _alive: dict[Signature, weakref.WeakSet[Shell]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, signature: Signature) -> Shell | None:
        """Return an empty shell: a free one, else a new one like one in use; None where there is neither."""
        with self._lock:
            free = self._free.get(signature)
            if free:
                shell = free.pop()
                if not free:
                    del self._free[signature]
                return shell
            like = next(iter(self._alive.get(signature, ())), None)
        return None if like is None else like.clone()

    def has_free(self, signature: Signature) -> bool:
        """Tell whether a free shell waits for such a checkpoint."""
        return signature in self._free

    def know(self, signature: Signature, shell: Shell) -> None:
        """Remember, for as long as it lives, that there is such a shell."""
        with self._lock:
            for gone in [one for one, shells in self._alive.items() if not shells]:
                del self._alive[gone]
            self._alive.setdefault(signature, weakref.WeakSet()).add(shell)

    def give(self, signature: Signature, shell: Shell) -> None:
        """Take an empty shell back, and drop the longest unused where there are too many."""
        with self._lock:
            free = self._free.setdefault(signature, [])
            self._free.move_to_end(signature)
            if len(free) < FREE_OF_ONE:
                free.append(shell)
            while sum(map(len, self._free.values())) > FREE:
                oldest = next(iter(self._free))
                self._free[oldest].pop()
                if not self._free[oldest]:
                    del self._free[oldest]

    def after_fork(self) -> None:
        """Open the lock in a forked child."""
        self._lock = threading.Lock()
