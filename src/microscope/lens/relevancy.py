"""Chefer's relevancy of every position for a token that was answered, exact, with no matrix of attention kept.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
Transformers", ICCV 2021: R = (I + A_n) ... (I + A_1), with A = mean over heads of max(0, dA * A). Only one row of R is
wanted, so the row is carried from the last layer down, r <- r + r A, with A and dA = dO V^T computed anew in blocks of
queries. Equal to the full product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from microscope.engine.loading.gate import undisturbed
from microscope.lens.call import Call, shared
from microscope.lens.probe import Probe
from microscope.lens.subject import Subject, across

# Queries whose attention is computed together.
BLOCK = 256


@dataclass(frozen=True)
class Relevancy:
    """For some answer tokens: Chefer's relevancy of the image tokens, and grad x attention of the answer's row alone.

    Both have the shape (tokens, cells), float32, on the model's device.
    """

    carried: torch.Tensor
    last_rows: torch.Tensor


def relevancy(subject: Subject, tokens: Sequence[int]) -> Relevancy:
    """Return the relevancy of the image tokens for answer tokens: a forward pass for all, a backward pass for each."""
    calls: list[Call] = []
    probe = Probe(subject.model, listen=calls.append)
    with probe.attached(), frozen(subject.model), torch.enable_grad():
        scores = probe.run(lambda: _scores(subject))
        outs = [call.out for call in calls]
        grads = []
        for number, token in enumerate(tokens):
            with undisturbed():
                last = number + 1 == len(tokens)
                grads.append(torch.autograd.grad(scores[token], outs, retain_graph=not last, allow_unused=True))
        subject.backwards += len(tokens)
    del scores, outs
    rows = subject.target_rows[list(tokens)]
    with torch.no_grad():
        return _carry(subject, calls, grads, rows)


def _scores(subject: Subject) -> torch.Tensor:
    """Return the logits of the answer's tokens, with a graph that begins where the language model does."""
    model = subject.model
    # A decoder that has an encoder before it looks its words up by itself.
    own = (one for one in model.get_decoder().modules() if isinstance(one, torch.nn.Embedding))
    tables = {model.get_input_embeddings(), *own}
    with ExitStack() as hooks:
        for table in tables:
            hooks.callback(table.register_forward_hook(lambda _m, _i, out: out.requires_grad_()).remove)
        logits = subject.logits()[0]
    ids = torch.tensor(list(subject.answer), device=logits.device)
    return logits.gather(-1, ids[:, None])[:, 0]


def _carry(
    subject: Subject, calls: list[Call], grads: Sequence[Sequence[torch.Tensor | None]], rows: torch.Tensor
) -> Relevancy:
    kinds = [_kind(subject, call) for call in calls]
    length = subject.prompt_length if subject.encodes else subject.full["input_ids"].shape[1]
    answered = torch.zeros(len(rows), len(subject.answer) if subject.encodes else length, device=rows.device)
    answered[range(len(rows)), rows] = 1
    seen = torch.zeros(len(rows), length, device=rows.device)
    single = torch.zeros(len(rows), length, device=rows.device)
    while calls:
        # Its tensors are not wanted any more after this.
        call, kind = calls.pop(), kinds.pop()
        grad = _stacked([one[len(calls)] for one in grads], call)
        if kind == "across":
            found = step(answered, call, grad)
            seen += found
            single += step(_at(answered, rows), call, grad)
        elif kind == "encoder":
            seen += step(seen, call, grad)
        else:
            if not subject.encodes:
                single += step(_at(answered, rows), call, grad)
            answered += step(answered, call, grad)
    whole = seen if subject.encodes else answered
    return Relevancy(whole[:, subject.positions], single[:, subject.positions])


def _at(like: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    one = torch.zeros_like(like)
    one[range(len(rows)), rows] = 1
    return one


def step(carried: torch.Tensor, call: Call, grad: torch.Tensor) -> torch.Tensor:
    """Return carried A for each answer token: from (tokens, queries) to (tokens, keys).

    `grad` is the gradient of each token's logit by the call's output, shape (tokens, queries, heads, width).
    """
    queries = call.query.shape[2]
    value = shared(call.value, call.query)[0].float()
    found = torch.zeros(len(carried), value.shape[1], device=value.device)
    # What is causal sees no key after its last query.
    plain = call.mask is None and call.causal and queries == value.shape[1]
    for start in range(0, queries, BLOCK):
        stop = min(queries, start + BLOCK)
        weights = carried[:, start:stop]
        used = weights.any(1)
        if not used.any():
            continue
        keys = stop if plain else value.shape[1]
        attention = call.rows(start, stop)[0, ..., :keys]
        for token in used.nonzero().flatten().tolist():
            change = grad[token, start:stop].transpose(0, 1).float() @ value[:, :keys].transpose(1, 2)
            change.mul_(attention).clamp_(min=0)
            found[token, :keys] += weights[token] @ change.mean(0)
    return found


def _stacked(grads: Sequence[torch.Tensor | None], call: Call) -> torch.Tensor:
    return torch.stack([torch.zeros_like(call.out[0]) if grad is None else grad[0] for grad in grads])


def _kind(subject: Subject, call: Call) -> str:
    if not subject.encodes:
        return "self"
    if call.module in across(subject.model):
        return "across"
    return "encoder" if call.module in frozenset(subject.model.get_encoder().modules()) else "self"


@contextmanager
def frozen(model: PreTrainedModel) -> Iterator[None]:
    """Have no gradient computed for the weights while it lasts."""
    wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in wanted:
        parameter.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(requires_grad=True)
