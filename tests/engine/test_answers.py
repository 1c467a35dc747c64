"""From a request to the events of its answers: in order, equal to plain code, and one that fails leaves the others."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from microscope import __version__
from microscope.catalog.hub import hub_client
from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.answers import Answerer
from microscope.engine.build import Workshop, answer_task
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.engine.models import Models
from microscope.engine.offered import Offered
from microscope.engine.pace import Pace
from microscope.engine.pending import package_versions
from microscope.engine.pictures import picture_to_image
from microscope.engine.processors import Processors
from microscope.records import Answer, AnswerEvent, AnswerRequest, GenerationSettings, State
from microscope.storage.answers import AnswerStore
from tests.engine.conftest import Loaded
from tests.families import picture, spec_of
from tests.hub.loopback_hub import LoopbackHub
from tests.keeping import models_of

PATIENCE = 30.0
QUESTION = "what is in the image ?"
GREEDY = GenerationSettings(max_new_tokens=8)
SAMPLED = GenerationSettings(max_new_tokens=8, temperature=0.9, seed=3)


def answerer_of(folder: Path, specs: tuple[ModelSpec, ...], fetcher: Fetcher | None = None) -> Answerer:
    """Return an answerer of some checkpoints on the CPU, its answers kept under a folder."""
    models, pace = models_of(dtype="auto"), Pace("cpu")
    door = Door(models, (answer_task(Workshop(models, Processors(), pace, 0)),))
    store = AnswerStore(folder / "answers", 10**7)
    return Answerer(Offered(Catalog(specs)), fetcher or Fetcher(), Processors(), models, door, store, pace)


@pytest.fixture
def specs(checkpoint: Callable[..., Path]) -> tuple[ModelSpec, ...]:
    return tuple(spec_of(checkpoint(*which)) for which in (("idefics3",), ("llava_next",), ("idefics3", 1)))


@pytest.fixture
def answerer(specs: tuple[ModelSpec, ...], tmp_path: Path) -> Answerer:
    return answerer_of(tmp_path, specs)


def request(*keys: str, settings: GenerationSettings = GREEDY, question: str = QUESTION) -> AnswerRequest:
    return AnswerRequest(picture(), question, keys, settings)


def ask(answerer: Answerer, *keys: str, settings: GenerationSettings = GREEDY) -> dict[str, Answer]:
    """Return the finished answers by key; none may fail."""
    events = list(answerer.stream(request(*keys, settings=settings)))
    assert [event.message for event in events if event.state is State.FAILED] == []
    return {event.checkpoint: event.answer for event in events if event.answer is not None}


def states(events: list[AnswerEvent], key: str) -> list[State]:
    """Return a checkpoint's states in their order, those that follow themselves once."""
    found = [event.state for event in events if event.checkpoint == key]
    return [state for number, state in enumerate(found) if number == 0 or state != found[number - 1]]


def plain_ids(one: Loaded, settings: GenerationSettings) -> list[int]:
    """Answer as anyone would: the chat template, the processor, `generate`."""
    content = [{"type": "image", "image": picture_to_image(picture())}, {"type": "text", "text": QUESTION}]
    inputs = one.processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    ).to(one.model.dtype)
    sampling = {} if settings.greedy else {"temperature": settings.temperature, "top_k": 0, "top_p": 1.0}
    torch.manual_seed(settings.seed)
    output = one.model.generate(
        **inputs, max_new_tokens=settings.max_new_tokens, do_sample=not settings.greedy, **sampling
    )
    ids = output[0, inputs["input_ids"].shape[1] :].tolist()
    return [token for token in ids if token != one.model.generation_config.eos_token_id]


def test_an_answer_goes_through_its_states(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    first, second, _ = (spec.key for spec in specs)
    events = list(answerer.stream(request(first, second)))
    assert [(event.checkpoint, event.state) for event in events[:2]] == [
        (first, State.QUEUED),
        (second, State.QUEUED),
    ]
    assert states(events, first) == [State.QUEUED, State.LOADING, State.GENERATING, State.DONE]
    # The second model loads while the first one generates, and may be there when its turn comes.
    assert [state for state in states(events, second) if state is not State.LOADING] == [
        State.QUEUED,
        State.GENERATING,
        State.DONE,
    ]
    done = [event.checkpoint for event in events if event.state is State.DONE]
    assert done == [first, second]
    assert all(event.bytes_total > 0 for event in events if event.state is State.LOADING)


def test_a_resident_model_is_not_loading(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    assert ask(answerer, key)[key].facts.loaded_in is not None
    events = list(answerer.stream(request(key, question="where is the cat ?")))
    assert states(events, key) == [State.QUEUED, State.GENERATING, State.DONE]
    assert events[-1].answer is not None
    assert events[-1].answer.facts.loaded_in is None


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_the_answer_is_that_of_plain_code(
    settings: GenerationSettings, answerer: Answerer, specs: tuple[ModelSpec, ...], loaded: Callable[..., Loaded]
) -> None:
    answer = ask(answerer, specs[0].key, settings=settings)[specs[0].key]
    one = loaded("idefics3")
    ids = plain_ids(one, settings)
    assert [token.id for token in answer.tokens] == ids
    assert answer.text == one.processor.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert [token.text for token in answer.tokens] == [one.processor.tokenizer.decode([token]) for token in ids]
    assert all(token.logprob <= 0 for token in answer.tokens)


def test_the_text_grows_to_the_answers(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    *events, done = answerer.stream(request(key))
    texts = [(event.text, event.tokens) for event in events if event.state is State.GENERATING]
    assert texts[0] == ("", 0)
    assert [count for _, count in texts] == sorted(count for _, count in texts)
    assert done.answer is not None
    assert done.text == done.answer.text
    assert done.tokens == len(done.answer.tokens)


def test_facts_make_an_answer_honest(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    answer = ask(answerer, key, settings=SAMPLED)[key]
    facts = answer.facts
    assert facts.revision.startswith("sha256:")
    assert 0 < facts.image_tokens < facts.prompt_tokens
    assert facts.tokens == len(answer.tokens) == SAMPLED.max_new_tokens
    assert 0 < facts.first_token_seconds < facts.total_seconds
    assert (facts.seed, facts.dtype, facts.device, facts.attention) == (3, "float32", "cpu", "sdpa")
    assert facts.finish == "length"
    assert facts.versions == package_versions()
    assert QUESTION in answer.prompt
    assert answer.computed == "now"


def test_versions_name_this_project_first() -> None:
    assert package_versions()[0] == ("microscope", __version__)
    assert {"torch", "transformers"} < {name for name, _ in package_versions()}


def test_a_seed_means_the_same_alone_and_in_company(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    keys = [spec.key for spec in specs]
    together = ask(answerer_of(tmp_path / "together", specs), *keys, settings=SAMPLED)
    for key in keys:
        alone = ask(answerer_of(tmp_path / key, specs), key, settings=SAMPLED)
        assert alone[key].tokens == together[key].tokens
    assert len({answer.tokens for answer in together.values()}) == 3, "the checkpoints differ"


def test_what_was_answered_before_costs_nothing(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    first = ask(answerer, key)[key]
    calls = []
    with answerer.models.lease(answerer.fetcher.fetch(specs[0])) as lease:
        hook = lease.resident.model.register_forward_hook(lambda *_: calls.append(1))
    events = list(answerer.stream(request(key)))
    assert states(events, key) == [State.QUEUED, State.DONE]
    assert events[-1].answer == replace(first, computed="store")
    assert calls == []
    changed = list(answerer.stream(request(key, settings=replace(GREEDY, max_new_tokens=7))))
    assert State.GENERATING in states(changed, key)
    assert calls
    hook.remove()


def test_an_answer_is_kept_though_nobody_waits_for_the_end(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    events = answerer.stream(request(key))
    while next(events).state is not State.DONE:
        pass
    events.close()
    assert states(list(answerer.stream(request(key))), key) == [State.QUEUED, State.DONE]


def test_the_same_weights_under_another_key_are_known(
    answerer: Answerer, specs: tuple[ModelSpec, ...], tmp_path: Path
) -> None:
    first = ask(answerer, specs[0].key)[specs[0].key]
    twin = replace(specs[0], key="twin")
    other = replace(answerer_of(tmp_path, (twin,)), store=answerer.store)
    assert ask(other, "twin")["twin"] == replace(first, checkpoint="twin", computed="store")


def test_changed_weights_are_asked_anew(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    folder = shutil.copytree(specs[0].source, tmp_path / "run")
    answerer = answerer_of(tmp_path, (spec_of(folder),))
    before = ask(answerer, "run")["run"]
    shutil.copy(Path(specs[2].source) / "model.safetensors", folder / "model.safetensors")
    after = ask(answerer, "run")["run"]
    assert after.computed == "now"
    assert after.facts.revision != before.facts.revision
    assert after.tokens != before.tokens


def test_without_generating_only_what_is_known_is_told(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    known, other, _ = (spec.key for spec in specs)
    ask(answerer, known)
    events = list(answerer.stream(request(known, other, "unknown"), generate=False))
    assert [(event.checkpoint, event.state) for event in events] == [(known, State.DONE)]


def test_a_checkpoint_that_fails_leaves_the_others(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    damaged = shutil.copytree(specs[0].source, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"not a model")
    bare = shutil.copytree(specs[0].source, tmp_path / "bare")
    (bare / "processor_config.json").unlink()
    gone = spec_of(tmp_path / "gone")
    good = specs[1]
    answerer = answerer_of(tmp_path, (spec_of(damaged), spec_of(bare), gone, good))
    events = list(answerer.stream(request("damaged", "bare", "gone", "deleted", good.key)))
    failed = {event.checkpoint: event.message for event in events if event.state is State.FAILED}
    assert "damaged has a damaged weight file" in failed["damaged"]
    assert "processor_from" in failed["bare"]
    assert "The folder" in failed["gone"]
    assert failed["deleted"] == "The checkpoint deleted is not in the catalogue any more; choose another one."
    assert states(events, good.key)[-1] is State.DONE
    assert len(failed) == 4


def test_a_failure_of_the_whole_task_fails_what_was_not_done(
    answerer: Answerer, specs: tuple[ModelSpec, ...], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = specs[0].key, specs[1].key

    def breaks_off(models: Models, jobs: object) -> Iterator[object]:
        for number, update in answer_task(Workshop(models, answerer.processors, answerer.pace, 0)).run(models, jobs):
            if number == 1:
                raise ConnectionError("the worker is gone")
            yield number, update

    task = replace(answer_task(Workshop(answerer.models, answerer.processors, answerer.pace, 0)), run=breaks_off)
    broken = replace(answerer, door=Door(answerer.models, (task,)))
    events = list(broken.stream(request(first, second)))
    assert states(events, first)[-1] is State.DONE
    assert states(events, second)[-1] is State.FAILED
    assert "the worker is gone" not in events[-1].message
    assert "the worker is gone" in caplog.text


def test_closing_stops_and_keeps_nothing(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    long = replace(GREEDY, max_new_tokens=500)
    events = answerer.stream(request(key, settings=long))
    while not next(events).tokens:
        pass
    events.close()
    assert [model.leases for model in answerer.models.cache.snapshot().models] == [0]
    assert list(answerer.stream(request(key, settings=long), generate=False)) == []
    assert ask(answerer, key)[key].computed == "now", "the lane is free again"


def test_where_memory_runs_out_the_picture_shrinks_and_the_answer_says_so(
    answerer: Answerer, specs: tuple[ModelSpec, ...]
) -> None:
    key = specs[0].key
    local = answerer.fetcher.fetch(specs[0])
    with answerer.models.lease(local) as lease:
        hook = lease.resident.model.register_forward_pre_hook(exhaust_first(2), with_kwargs=True)
    asked = replace(request(key), picture=picture(200, 160))
    events = list(answerer.stream(asked))
    hook.remove()
    answer = events[-1].answer
    assert answer is not None
    assert answer.facts.fallback == "image of 100 x 80 px, for memory ran out with 200 x 160"
    assert "ran out of memory on cpu" in "".join(event.message for event in events)
    assert not any(event.text for event in events if event.state is State.QUEUED)
    # It is not the answer to what was asked: the next time the whole picture is tried again.
    *_, whole = answerer.stream(asked)
    assert whole.answer is not None
    assert (whole.answer.facts.fallback, whole.answer.computed) == ("", "now")


def test_where_the_smallest_picture_is_too_large_the_numbers_are_told(
    answerer: Answerer, specs: tuple[ModelSpec, ...]
) -> None:
    with answerer.models.lease(answerer.fetcher.fetch(specs[0])) as lease:
        lease.resident.model.register_forward_pre_hook(exhaust_first(100), with_kwargs=True)
    key, other = specs[0].key, specs[1].key
    events = list(answerer.stream(request(key, other)))
    (failed,) = [event for event in events if event.state is State.FAILED]
    assert failed.checkpoint == key
    assert "was expected to need" in failed.message
    assert states(events, other)[-1] is State.DONE


def exhaust_first(times: int) -> Callable[..., None]:
    """Return a hook that runs out of memory in so many forward passes."""
    left = [times]

    def run_out(*_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return run_out


def test_estimates_learn_from_answers(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key = specs[0].key
    facts = ask(answerer, key)[key].facts
    assert answerer.pace._rates == {key: facts.tokens_per_second}
    assert answerer.pace._firsts == {key: facts.first_token_seconds}


def test_no_half_character_is_shown_while_the_text_grows(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    key, halves = specs[0].key, 0
    for seed in range(12):
        settings = replace(SAMPLED, seed=seed, max_new_tokens=1)
        *events, done = answerer.stream(request(key, settings=settings))
        assert not any(event.text.endswith("\ufffd") for event in events)
        halves += done.text.endswith("\ufffd")
    assert halves, "some answers end within a character"


def test_a_download_tells_how_far_it_is(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    shutil.copytree(specs[0].source, tmp_path / "hub" / "lab" / "run")
    spec = ModelSpec("run", "Run", "lab/run", dtype="float32")
    with LoopbackHub(tmp_path / "hub") as hub:
        fetcher = Fetcher(Downloads(hub_client(hub.url), tmp_path / "cache"))
        answerer = answerer_of(tmp_path, (spec,), fetcher)
        assert list(answerer.stream(request("run"), generate=False)) == []
        assert hub.requests == []
        hub.pause(after=10)
        events = answerer.stream(request("run"))
        seen = [next(events), next(events)]
        assert hub.held.wait(PATIENCE)
        hub.recover()
        seen.extend(events)
        commit = hub.commit("lab/run")
    assert states(seen, "run") == [
        State.QUEUED,
        State.FETCHING,
        State.LOADING,
        State.GENERATING,
        State.DONE,
    ]
    assert seen[-1].answer is not None
    assert seen[-1].answer.facts.revision == commit


def test_a_visitor_who_leaves_does_not_wait_for_the_download(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    shutil.copytree(specs[0].source, tmp_path / "hub" / "lab" / "run")
    with LoopbackHub(tmp_path / "hub") as hub:
        fetcher = Fetcher(Downloads(hub_client(hub.url), tmp_path / "cache"))
        answerer = answerer_of(tmp_path, (ModelSpec("run", "Run", "lab/run", dtype="float32"),), fetcher)
        hub.pause(after=10)
        events = answerer.stream(request("run"))
        assert [next(events).state, next(events).state] == [State.QUEUED, State.FETCHING]
        events.close()
        hub.recover()
        assert ask(answerer, "run")["run"].text is not None


def test_many_visitors_are_all_answered(answerer: Answerer, specs: tuple[ModelSpec, ...]) -> None:
    start, found = threading.Barrier(5), {}

    def visit(number: int) -> None:
        start.wait(PATIENCE)
        settings = replace(SAMPLED, seed=number)
        found[number] = ask(answerer, *(spec.key for spec in specs[:2]), settings=settings)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(found) == list(range(5))
    assert all(len(answers) == 2 for answers in found.values())


def test_an_embedded_checkpoint_answers_as_plain_code_does(embedded: Path, tmp_path: Path) -> None:
    answerer = answerer_of(tmp_path, (spec_of(embedded, key="embedded", dtype="auto"),))
    answer = ask(answerer, "embedded")["embedded"]
    model = AutoModelForImageTextToText.from_pretrained(embedded, dtype="auto")
    ids = plain_ids(Loaded(embedded, model, AutoProcessor.from_pretrained(embedded)), GREEDY)
    assert [token.id for token in answer.tokens] == ids
    assert answer.facts.dtype == str(model.dtype).removeprefix("torch.")
