"""The way under the lens: from a request to what is found out about each checkpoint; knows no page and no platform.

Everything that needs no accelerator happens here: files, processors, geometry, the store. What is found out is kept
under the answer's own content address, so what was computed once is never computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from microscope.engine.answers import EVERY_JOB, Answerer
from microscope.engine.boundary import guarded
from microscope.engine.fetching import fetching
from microscope.engine.pending import Pending
from microscope.engine.prompts import prepare
from microscope.engine.using import Failed
from microscope.errors import UserError
from microscope.lens.asks import RELEVANT, Ask, Explain, Look, Read, Reject, Score, Study
from microscope.lens.blank import blank, without_boxes
from microscope.lens.case import Case
from microscope.lens.events import LensEvent
from microscope.lens.finding_store import FindingStore
from microscope.lens.findings import Finding
from microscope.lens.layout import image_positions, lay_out
from microscope.lens.methods import is_control
from microscope.lens.selection import Selection
from microscope.lens.task import LENS, passes
from microscope.records import AnswerEvent, AnswerRequest, State
from microscope.storage.address import content_address

# Of models up to this size the maps of some tokens are made at once; of larger ones when they are asked for.
SMALL_BYTES = 5 * 10**8
NO_IMAGE_TOKENS = (
    "{label} has no image tokens in its prompt, so where it looked cannot be told by patches; compare its answers, or "
    "choose another checkpoint."
)
NOT_LOOKED = "Nothing is known yet of {label} with this image and question; look first."


Cases = list[tuple[Case, Study]]


@dataclass(frozen=True)
class Lens:
    """Looks inside; made once, before launch."""

    answerer: Answerer
    findings: FindingStore

    def look(self, request: AnswerRequest, *, compute: bool = True) -> Iterator[LensEvent]:
        """Yield what each checkpoint answers and looked at; one checkpoint's failure leaves the others.

        What was found out before comes from the store; without `compute` that is all. Closing the iterator stops it.
        """
        if not compute:
            yield from self._kept(request)
            return
        cases: Cases = []
        yield from self._open(request, cases)
        for case, _ in cases:
            if case.finding is not None:
                yield case.told(State.DONE)
        yield from self._through([(case, study) for case, study in cases if case.finding is None])

    def _kept(self, request: AnswerRequest) -> Iterator[LensEvent]:
        """Yield what is known; looking it up starts no download, and what fails is not known."""
        here = replace(self, answerer=replace(self.answerer, fetcher=self.answerer.fetcher.without_network()))
        for key in request.checkpoints:
            cases: Cases = []
            list(self._guarded(key, here._begin(key, request, cases)))  # noqa: SLF001  (our own, of a copy)
            yield from (case.told(State.DONE) for case, _ in cases if case.finding is not None)

    def explain(
        self, request: AnswerRequest, method: str, token: int | None, steps: int | None = None
    ) -> Iterator[LensEvent]:
        """Yield a method's map of an answer token (None: the whole answer) as it is gathered, for each checkpoint.

        A checkpoint whose answer has no such token is done at once, as is one whose map is known.
        """

        def ask(case: Case) -> Ask | None:
            finding = _known(case)
            beyond = token is not None and token >= len(finding.answer.tokens)
            known = finding.heat(method, token)
            # One that was stopped on its way is not the map that is asked for, and one may want its badge.
            whole = known is not None and known.done >= known.total and (known.badge or is_control(method))
            return None if beyond or whole else Explain(_ids(finding), method, token, steps, finding.chance)

        yield from self._each(request, ask)

    def reject(self, request: AnswerRequest, choose: Callable[[Finding], Selection | None]) -> Iterator[LensEvent]:
        """Yield each checkpoint's answer without image tokens, beside the original's probability.

        `choose` says what is rejected of what is known of a checkpoint (None: it is left alone).
        """

        def ask(case: Case) -> Ask | None:
            finding = _known(case)
            case.selection = choose(finding)
            if case.selection is None:
                return None
            gone = set(case.selection.rejected)
            boxes = {number: finding.layout.cells[number].box for number in finding.layout.boxed}
            # Where views overlap, a place is blank once nothing that covers it is left.
            places = (
                [box for number, box in boxes.items() if box and (number in gone) == away] for away in (True, False)
            )
            picture = without_boxes(request.picture, *places)
            spec = case.pending.local.spec
            prepared = prepare(case.pending.processor, spec, picture, request.question, request.settings.image_budget)
            return Reject(_ids(finding), case.selection.rejected, prepared.inputs)

        yield from self._each(request, ask)

    def read(self, request: AnswerRequest, cell: int) -> Iterator[LensEvent]:
        """Yield what one image token of a checkpoint reads as at each layer; name one checkpoint in the request."""

        def ask(case: Case) -> Ask | None:
            finding = _known(case)
            if not 0 <= cell < len(finding.layout.cells):
                raise UserError(f"There is no patch {cell}; {len(finding.layout.cells)} are numbered from 0.")
            return Read(_ids(finding), cell)

        yield from self._each(request, ask)

    def score(self, request: AnswerRequest, reference: str) -> Iterator[LensEvent]:
        """Yield the log-probability of another answer, token by token, under each checkpoint."""

        def ask(case: Case) -> Ask | None:
            return Score(_ways(case, reference))

        yield from self._each(request, ask)

    def _each(self, request: AnswerRequest, ask: Callable[[Case], Ask | None]) -> Iterator[LensEvent]:
        """Ask something of what is known of each checkpoint; what is not known yet is looked at first."""
        cases: Cases = []
        yield from self._open(request, cases)
        # That it was looked at is not what was asked.
        for case, _ in cases:
            if case.finding is not None:
                yield case.told()
        for event in self._through([(case, study) for case, study in cases if case.finding is None]):
            yield replace(event, event=replace(event.event, state=State.GENERATING)) if event.done else event
        asked: Cases = []
        for case, study in cases:
            if not case.failed:
                yield from self._guarded(case.key, self._ask(case.again(), study, request, ask, asked))
        yield from self._through(asked)

    def _open(self, request: AnswerRequest, cases: Cases) -> Iterator[LensEvent]:
        """Prepare each checkpoint of a request; one that fails is no case."""
        for key in request.checkpoints:
            yield LensEvent(AnswerEvent(key, State.QUEUED))
            yield from self._guarded(key, self._begin(key, request, cases))

    def _ask(
        self, case: Case, study: Study, request: AnswerRequest, ask: Callable[[Case], Ask | None], asked: Cases
    ) -> Iterator[LensEvent]:
        wanted = ask(case)
        if wanted is None:
            yield case.told(State.DONE)
        else:
            # Its boxes may have been measured meanwhile.
            study = replace(study, layout=case.layout, picture=None)
            asked.append((case, self._asking(case, study, request, wanted)))

    def _begin(self, key: str, request: AnswerRequest, cases: Cases) -> Iterator[LensEvent]:
        """Prepare one checkpoint: its files, inputs, the blank picture's inputs, and where its image tokens are."""
        answerer = self.answerer
        spec = answerer.spec_of(key)
        local = yield from fetching(
            answerer.fetcher,
            spec,
            lambda done, total: LensEvent(AnswerEvent(key, State.FETCHING, bytes_done=done, bytes_total=total)),
        )
        processor, budget = answerer.processors.get(local), request.settings.image_budget
        prepared = prepare(processor, spec, request.picture, request.question, budget)
        address = content_address(answerer.parts(local, prepared, request))
        pending = Pending(key, local, processor, prepared, address, request.settings)
        config = answerer.models.config(local)
        positions = () if config is None else image_positions(config, prepared.inputs)
        if config is None or not positions:
            raise UserError(NO_IMAGE_TOKENS.format(label=spec.label))
        layout = lay_out(config, processor, prepared.size, prepared.inputs)
        finding = self.findings.get(address)
        size = request.picture.width, request.picture.height
        case = Case(pending, spec.label, size, finding.layout if finding is not None else layout)
        if finding is not None:
            answer = replace(finding.answer, checkpoint=key, computed="store")
            case.finding = replace(finding, checkpoint=key, label=spec.label, answer=answer)
        picture = request.picture if case.layout is None else None
        look = Look(relevant=RELEVANT if local.bytes <= SMALL_BYTES else 0)
        study = Study(
            local, prepared.inputs, {}, positions, case.layout, picture, request.question, request.settings, ()
        )
        cases.append((case, self._asking(case, study, request, look)))

    def _asking(self, case: Case, study: Study, request: AnswerRequest, ask: Ask) -> Study:
        """Return the study with what is asked, and the blank picture's inputs where that needs them."""
        if (case.finding is not None and isinstance(ask, Look)) or not isinstance(ask, Look | Explain):
            return replace(study, asks=(ask,), blank={})
        if study.blank:
            return replace(study, asks=(ask,))
        spec, budget = case.pending.local.spec, request.settings.image_budget
        empty = prepare(case.pending.processor, spec, blank(request.picture), request.question, budget).inputs
        return replace(study, asks=(ask,), blank=empty)

    def _through(self, cases: Cases) -> Iterator[LensEvent]:
        if not cases:
            return
        steps = self.answerer.door.run(LENS, tuple(study for _, study in cases))
        try:
            for number, update in guarded(steps, lambda message: (EVERY_JOB, Failed(message))):
                if number == EVERY_JOB:
                    for case in (case for case, _ in cases if not case.over):
                        event = case.fail(update.message)
                        self._keep(case)
                        yield event
                    continue
                case = cases[number][0]
                for event in case.take(update):
                    if case.over:
                        self._keep(case)
                        self._learn(*cases[number])
                    yield event
        finally:
            # Whoever stops it, or is cut off, keeps what is there.
            for case, _ in cases:
                if not case.over:
                    self._keep(case)

    def _learn(self, case: Case, study: Study) -> None:
        """Learn from a look that came to its end what a pass takes."""
        if case.seconds:
            count = sum(passes(ask) for ask in study.asks)
            self.answerer.pace.observe_pass(case.key, case.seconds / count)

    def _keep(self, case: Case) -> None:
        if case.finding is None:
            return
        address = case.pending.address
        if case.answer is not None:
            # It was answered now: the tab that compares need not do it again.
            self.answerer.store.put(address, case.answer)
            self.answerer.pace.observe(case.answer)
        # Others may have added maps to it meanwhile.
        if self.findings.get(address) is None:
            self.findings.put(replace(case.finding, address=address))
        elif case.finding.heats:
            self.findings.add(address, *case.finding.heats)

    def _guarded(self, key: str, steps: Iterator[LensEvent]) -> Iterator[LensEvent]:
        return guarded(steps, lambda message: LensEvent(AnswerEvent(key, State.FAILED, message=message)))


def _ways(case: Case, reference: str) -> tuple[tuple[int, ...], ...]:
    """Return the ways to write an answer as tokens: the checkpoint's own, else as a text begins and as it goes on."""
    finding, wanted = _known(case), reference.strip()
    if not wanted:
        raise UserError("The reference answer is empty; type the answer that would be right.")
    if finding.answer.text.strip() == wanted:
        return (_ids(finding),)
    tokenizer = case.pending.processor.tokenizer
    ways = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (wanted, f" {wanted}"))
    return tuple(dict.fromkeys(tuple(ids) for ids in ways if ids))


def _known(case: Case) -> Finding:
    if case.finding is None:
        raise UserError(NOT_LOOKED.format(label=case.label))
    return case.finding


def _ids(finding: Finding) -> tuple[int, ...]:
    return tuple(token.id for token in finding.answer.tokens)
