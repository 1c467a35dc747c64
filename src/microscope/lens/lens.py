"""The way under the lens: from a request to what is found out about each checkpoint; knows no page and no platform.

Everything that needs no accelerator happens here: files, processors, geometry, the store. What is found out is kept
under the answer's own content address, so what was computed once is never computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from microscope.engine.answering import Failed
from microscope.engine.answers import EVERY_JOB, Answerer
from microscope.engine.boundary import guarded
from microscope.engine.fetching import fetching
from microscope.engine.pending import Pending
from microscope.engine.prompts import prepare
from microscope.errors import UserError
from microscope.lens.asks import Ask, Explain, Look, Read, Reject, Score, Study
from microscope.lens.blank import blank, without_boxes
from microscope.lens.case import Case
from microscope.lens.events import LensEvent
from microscope.lens.finding_store import FindingStore
from microscope.lens.findings import Finding
from microscope.lens.layout import image_positions, lay_out
from microscope.lens.selection import Selection
from microscope.lens.task import LENS
from microscope.records import AnswerEvent, AnswerRequest, State
from microscope.storage.address import content_address

NO_IMAGE_TOKENS = (
    "{label} has no image tokens in its prompt, so where it looked cannot be told by patches; compare its answers, or "
    "choose another checkpoint."
)
NOT_LOOKED = "Nothing is known yet of {label} with this image and question; look first."


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
            yield from self._recalled(request)
            return
        cases: list[tuple[Case, Study]] = []
        for key in request.checkpoints:
            yield _waiting(key)
            yield from self._guarded(key, self._begin(key, request, cases))
        waiting = [(case, study) for case, study in cases if case.finding is None]
        for case, _ in cases:
            if case.finding is not None:
                yield case.told(State.DONE)
        if waiting:
            yield from self._through(waiting)

    def explain(
        self, request: AnswerRequest, method: str, token: int | None, steps: int | None = None
    ) -> Iterator[LensEvent]:
        """Yield a method's map of an answer token (None: the whole answer) as it is gathered, for each checkpoint.

        A checkpoint whose answer has no such token is done at once, as is one whose map is known.
        """

        def ask(case: Case) -> Ask | None:
            finding = _known(case)
            beyond = token is not None and token >= len(finding.answer.tokens)
            return None if beyond or finding.heat(method, token) else Explain(_ids(finding), method, token, steps)

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
            boxes = [finding.layout.cells[cell].box for cell in case.selection.rejected]
            picture = without_boxes(request.picture, [box for box in boxes if box is not None])
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
            _known(case)
            ids = case.pending.processor.tokenizer(reference, add_special_tokens=False)["input_ids"]
            if not ids:
                raise UserError("The reference answer is empty; type the answer that would be right.")
            return Score(tuple(ids))

        yield from self._each(request, ask)

    def _recalled(self, request: AnswerRequest) -> Iterator[LensEvent]:
        """Yield what is known; looking it up starts no download, and what fails is not known."""
        offline = replace(self.answerer, fetcher=self.answerer.fetcher.without_network())
        here = replace(self, answerer=offline)
        cases: list[tuple[Case, Study]] = []
        for key in request.checkpoints:
            # What it tells on the way is of no use to whoever waits for nothing.
            list(here._guarded(key, here._begin(key, request, cases)))  # noqa: SLF001  (our own, of a copy)
        yield from (case.told(State.DONE) for case, _ in cases if case.finding is not None)

    def _each(self, request: AnswerRequest, ask: Callable[[Case], Ask | None]) -> Iterator[LensEvent]:
        """Ask something of what is known of each checkpoint; what is not known yet is looked at first."""
        for event in self.look(request):
            # That they were looked at is not what was asked.
            done = event.event.state is State.DONE
            yield replace(event, event=replace(event.event, state=State.GENERATING)) if done else event
        cases: list[tuple[Case, Study]] = []
        for key in request.checkpoints:
            yield from self._guarded(key, self._asked(key, request, ask, cases))
        if cases:
            yield from self._through(cases)

    def _asked(
        self,
        key: str,
        request: AnswerRequest,
        ask: Callable[[Case], Ask | None],
        cases: list[tuple[Case, Study]],
    ) -> Iterator[LensEvent]:
        begun: list[tuple[Case, Study]] = []
        yield from self._begin(key, request, begun)
        for case, study in begun:
            wanted = ask(case)
            if wanted is None:
                yield case.told(State.DONE)
            else:
                cases.append((case, replace(study, asks=(wanted,))))

    def _begin(self, key: str, request: AnswerRequest, cases: list[tuple[Case, Study]]) -> Iterator[LensEvent]:
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
        empty = prepare(processor, spec, blank(request.picture), request.question, budget).inputs
        given = prepared.inputs, empty, positions, case.layout
        study = Study(local, *given, request.picture, request.question, request.settings, (Look(),))
        cases.append((case, study))

    def _through(self, cases: Sequence[tuple[Case, Study]]) -> Iterator[LensEvent]:
        studies = tuple(study for _, study in cases)
        for number, update in guarded(
            self.answerer.door.run(LENS, studies), lambda message: (EVERY_JOB, Failed(message))
        ):
            if number == EVERY_JOB:
                yield from (case.fail(update.message) for case, _ in cases if not case.over)
                continue
            case = cases[number][0]
            for event in case.take(update):
                if event.event.state is State.DONE:
                    self._keep(case)
                yield event

    def _keep(self, case: Case) -> None:
        if case.finding is None:
            return
        if case.answer is not None:
            # It was answered now: the tab that compares need not do it again.
            self.answerer.store.put(case.pending.address, case.answer)
            self.answerer.pace.observe(case.answer)
        if self.findings.get(case.pending.address) is None or case.answer is not None:
            self.findings.put(replace(case.finding, address=case.pending.address))
        elif case.heats:
            self.findings.add(case.pending.address, *case.heats)

    def _guarded(self, key: str, steps: Iterator[LensEvent]) -> Iterator[LensEvent]:
        return guarded(steps, lambda message: LensEvent(AnswerEvent(key, State.FAILED, message=message)))


def _known(case: Case) -> Finding:
    if case.finding is None:
        raise UserError(NOT_LOOKED.format(label=case.label))
    return case.finding


def _ids(finding: Finding) -> tuple[int, ...]:
    return tuple(token.id for token in finding.answer.tokens)


def _waiting(key: str) -> LensEvent:
    return LensEvent(AnswerEvent(key, State.QUEUED))
