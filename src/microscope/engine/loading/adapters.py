"""Keeps PEFT adapters beside one base model and switches between them; knows no cache and no request.

PEFT wraps the layers that an adapter changes. Each adapter is put onto the untouched base exactly as
`PeftModel.from_pretrained` does it, what that replaced in the base's modules is noted, and the base gets back what it
had. Switching an adapter on puts its wrappers in, switching it off puts the base's own layers back: no adapter ever
meets another, and the base alone is the base itself. No weight of the base is copied, but those that an adapter
brings as wholes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import PreTrainedModel

from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading.gate import loading
from microscope.engine.memory import is_out_of_memory
from microscope.engine.weights import ADAPTER
from microscope.errors import UserError

if TYPE_CHECKING:
    from peft import PeftConfig

# An adapter trained with a larger vocabulary brings these along as wholes.
EMBEDDINGS = ("embed", "lm_head")
# The types whose layers do everything by themselves; others change the prompt, or how the whole model is called.
LOW_RANK = ("ADALORA", "LOHA", "LOKR", "LORA", "MISS", "RANDLORA", "VBLORA", "VERA")
SWITCHABLE = (*LOW_RANK, "BOFT", "C3A", "FOURIERFT", "HRA", "IA3", "LN_TUNING", "OFT", "TRAINABLE_TOKENS")
# Their initialisation takes a part of each weight out of the base.
REBASING = ("pissa", "corda", "olora", "loftq", "lora_ga")
# LoRA options by which an adapter adds layers, or depends on what stands in the prompt.
RESHAPING = ("layer_replication", "alora_invocation_tokens", "arrow_config")
# Names of adapters' weights without their type's prefix: projections that VeRA saves, tokens trained beside LoRA.
OTHER_MARKS = ("vera_", "trainable_tokens_")
MERGE = "merge it into its base and save the whole model"
PEFT_PREFIX = "base_model.model."

Entries = dict[str, Any]
Failure = (ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError)


@dataclass(frozen=True)
class _Change:
    """One entry of a module of the base (a child, a parameter, a buffer), and what an adapter has in its stead."""

    entries: Entries
    name: str
    own: Any
    other: Any


@dataclass(frozen=True)
class _Attached:
    """An adapter in memory: what it changes in the base, and the bytes that it takes beside it."""

    changes: tuple[_Change, ...]
    bytes: int


class Adapters:
    """The PEFT adapters of one base model in memory, of which at most one is active; the others wait beside it.

    The model stays the object that generates. Whoever activates has the model alone, as whoever generates has it;
    `activate_base` leaves the very modules and weights that were given.
    """

    def __init__(self, model: PreTrainedModel, most: int = 8) -> None:
        self._model = model
        self._most = most
        self._attached: OrderedDict[str, _Attached] = OrderedDict()
        self._active: str | None = None

    def activate(self, local: LocalCheckpoint) -> None:
        """Make the checkpoint's adapter the only active one, attaching it where needed; without one, the base alone.

        Beyond `most`, the adapter that was not used for longest is forgotten. Raises `UserError` for one that does
        not fit the base or cannot share it; then the base alone is active.
        """
        if local.adapter is None:
            self.activate_base()
            return
        wanted = local.identity
        if wanted != self._active:
            self.activate_base()
            if wanted not in self._attached:
                self._attached[wanted] = _attach(self._model, local, local.adapter)
            for change in self._attached[wanted].changes:
                change.entries[change.name] = change.other
            self._active = wanted
        self._attached.move_to_end(wanted)
        while len(self._attached) > max(1, self._most):
            self._attached.popitem(last=False)

    def forget(self, local: LocalCheckpoint) -> None:
        """Take the checkpoint's adapter off and out of memory."""
        if self._active == local.identity:
            self.activate_base()
        self._attached.pop(local.identity, None)

    def activate_base(self) -> None:
        """Take the active adapter off, which stays in memory."""
        if self._active is not None:
            for change in self._attached[self._active].changes:
                change.entries[change.name] = change.own
            self._active = None

    @property
    def bytes(self) -> int:
        """Return the bytes that all attached adapters take beside the base."""
        return sum(attached.bytes for attached in self._attached.values())


class _Before:
    """What a model was like before an adapter came; knows what changed since, and puts it back.

    A parameter that the adapter brings as a whole gets a copy of its own first, for PEFT writes into it.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._entries: list[tuple[Entries, Entries]] = [
            (entries, dict(entries)) for module in model.modules() for entries in _entries_of(module)
        ]
        unique = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        self._tensors = [(tensor, tensor.data, _version(tensor)) for tensor in unique.values()]
        self._base = set(unique)
        self._copies: dict[str, tuple[nn.Parameter, nn.Parameter, int]] = {}

    def copy(self, names: Collection[str]) -> None:
        """Give these parameters of the model copies of their own, tied ones the same."""
        named = dict(self._model.named_parameters(remove_duplicate=False))
        made: dict[int, tuple[nn.Parameter, nn.Parameter, int]] = {}
        for name in sorted(named.keys() & names):
            own = named[name]
            if id(own) not in made:
                copy = nn.Parameter(own.detach().clone(), requires_grad=False)
                made[id(own)] = (own, copy, _version(copy))
                self._exchange(own, copy)
            self._copies[name] = made[id(own)]

    def written(self) -> set[str]:
        """Return the names of the copies that were written into; the others give way to the model's own again."""
        for own, copy, version in self._copies.values():
            if _version(copy) == version:
                self._exchange(copy, own)
        return {name for name, (_, copy, version) in self._copies.items() if _version(copy) != version}

    def disturbed(self) -> bool:
        """Tell whether the adapter changed something of the base itself, rather than put another in its stead."""
        return any(entries.keys() != before.keys() for entries, before in self._entries) or any(
            tensor.data_ptr() != data.data_ptr() or _version(tensor) != version
            for tensor, data, version in self._tensors
        )

    def difference(self) -> _Attached:
        """Return what is different now."""
        changes = tuple(
            _Change(entries, name, own, entries[name])
            for entries, before in self._entries
            for name, own in before.items()
            if entries[name] is not own
        )
        tensors: dict[int, torch.Tensor] = {}
        for change in changes:
            other = change.other
            parts = (*other.parameters(), *other.buffers()) if isinstance(other, nn.Module) else (other,)
            tensors.update((id(tensor), tensor) for tensor in parts if id(tensor) not in self._base)
        for tensor in tensors.values():
            tensor.requires_grad = False
        return _Attached(changes, sum(tensor.nbytes for tensor in tensors.values()))

    def restore(self) -> None:
        """Put everything back."""
        for entries, before in self._entries:
            if entries.keys() != before.keys() or any(entries[name] is not own for name, own in before.items()):
                entries.clear()
                entries.update(before)
        for tensor, data, _ in self._tensors:
            if tensor.data_ptr() != data.data_ptr():
                tensor.data = data
        # PEFT leaves it there, and warns of it the next time.
        vars(self._model).pop("peft_config", None)

    def _exchange(self, present: nn.Parameter, other: nn.Parameter) -> None:
        for entries, _ in self._entries:
            for name, value in entries.items():
                if value is present:
                    entries[name] = other


def _entries_of(module: nn.Module) -> tuple[Entries, Entries, Entries]:
    return module._modules, module._parameters, module._buffers  # noqa: SLF001  (the library offers no other way)


def _version(tensor: torch.Tensor) -> int:
    """Return a number that grows when the tensor is written into."""
    return tensor._version  # noqa: SLF001  (the library offers no other way)


def _attach(model: PreTrainedModel, local: LocalCheckpoint, folder: Path) -> _Attached:
    """Return the adapter in a folder, and leave the model as it was."""
    # Imported here: it takes seconds, and only adapters need it.
    from peft import PeftConfig  # noqa: PLC0415

    spec = local.spec
    unfit = UserError(
        f"The adapter {spec.label} does not fit its base model {spec.base}; name the base it was trained on."
    )
    try:
        config = PeftConfig.from_pretrained(str(folder), local_files_only=True)
    except Failure as error:
        raise unfit from error
    reason = _not_shareable(config)
    if reason is not None:
        raise UserError(f"The adapter {spec.label} {reason}.")
    with loading():
        before = _Before(model)
        try:
            if not _put_on(model, folder, config, before):
                raise unfit
            if before.disturbed():
                raise UserError(f"The adapter {spec.label} changes its base model; {MERGE}.")
            return before.difference()
        except SafetensorError as error:
            raise UserError(f"{spec.label} has a damaged weight file; copy or download it again.") from error
        except Failure as error:
            if is_out_of_memory(error):
                raise
            raise unfit from error
        finally:
            before.restore()


def _not_shareable(config: PeftConfig) -> str | None:
    """Return why an adapter cannot be switched on and off on a base that others use, or None."""
    kind = str(config.peft_type.value)
    start = getattr(config, "init_lora_weights", None)
    if kind not in SWITCHABLE:
        return f"is of the type {kind}, which cannot share its base model with others; {MERGE}"
    if any(getattr(config, option, None) for option in RESHAPING):
        option = next(option for option in RESHAPING if getattr(config, option, None))
        return f"uses {option}, which cannot share its base model with others; {MERGE}"
    if isinstance(start, str) and start.lower().startswith(REBASING):
        return (
            f"was started with {start}, which changes the weights of its base model; save it again as a plain LoRA "
            "(save_pretrained with path_initial_model_for_weight_conversion)"
        )
    return None


def _put_on(model: PreTrainedModel, folder: Path, config: PeftConfig, before: _Before) -> bool:
    """Put an adapter on as PEFT does, and tell whether every weight of it found its place and every place a weight."""
    from peft import (  # noqa: PLC0415  (see above)
        PeftModel,
        get_peft_model_state_dict,
        load_peft_weights,
        set_peft_model_state_dict,
    )
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING  # noqa: PLC0415

    with safe_open(folder / ADAPTER, framework="pt") as file:
        saved = {name.removeprefix(PEFT_PREFIX).replace(".base_layer.", ".") for name in file.keys()}  # noqa: SIM118
    own = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    marks = (PEFT_TYPE_TO_PREFIX_MAPPING[config.peft_type], *OTHER_MARKS)
    # A whole under a name that only PEFT's renaming places would be written into the base.
    if any(name not in own and not any(mark in name for mark in marks) for name in saved):
        return False
    before.copy(saved & own)
    device = str(model.device)
    adapted = PeftModel.from_pretrained(model, folder, config=config, torch_device=device, local_files_only=True)
    renamed = getattr(model, "_checkpoint_conversion_mapping", None)
    # What has no place in the base is dropped without an error, and the base would answer in the adapter's name.
    report = set_peft_model_state_dict(adapted, load_peft_weights(str(folder), device=device, key_mapping=renamed))
    with_bias = getattr(config, "bias", "none") != "none"
    for name in before.written():
        if not any(part in name for part in EMBEDDINGS) and not (with_bias and name.endswith("bias")):
            return False
    places = adapted.state_dict(keep_vars=True)
    filled = {id(places[name]) for name in places.keys() - set(report.missing_keys)}
    needed = get_peft_model_state_dict(adapted, state_dict=places, save_embedding_layers=False)
    return not report.unexpected_keys and all(id(tensor) in filled for tensor in needed.values())
