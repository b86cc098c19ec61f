"""How complex a case is: the signals that hold, and what they add up to."""

from app.core.language.patterns import compile_pattern
from app.core.language.phrases import PhraseIndex, phrase_words
from app.core.language.text import fold, tokens
from app.core.understanding.safety import every
from app.domain.assessment import Candidate, RaisedFlag
from app.domain.playbook import Level, Playbook

_NEARLY = 0.6
"""A second area counts where it is at least this likely, relative to the first."""


class Complexities:
    """The complexity signals of one playbook, compiled."""

    def __init__(self, playbook: Playbook) -> None:
        """Compile words and patterns of all locales."""
        self._rules = playbook.complexity
        signals = self._rules.signals
        self._signal_words = PhraseIndex(
            (phrase_words(phrase), signal.name)
            for signal in signals
            for phrase in every(signal.words)
        )
        self._signal_patterns = tuple(
            (compile_pattern(pattern), signal.name)
            for signal in signals
            for pattern in every(signal.patterns)
        )

    def signals(
        self, before: tuple[str, ...], message: str, candidates: tuple[Candidate, ...]
    ) -> tuple[str, ...]:
        """Return the signals that hold: those once said stay, those of an area follow the area."""
        text = fold(message)
        found = {hit.value for hit in self._signal_words.find(list(tokens(text)))}
        found.update(name for pattern, name in self._signal_patterns if pattern.spans(text))
        leading = candidates[0].code if candidates else ""
        places = {leading, leading.split(".")[0]}
        holding: list[str] = []
        for signal in self._rules.signals:
            by_area = bool(places.intersection(signal.areas))
            by_area_alone = signal.areas and not signal.words and not signal.patterns
            if by_area or signal.name in found or (signal.name in before and not by_area_alone):
                holding.append(signal.name)
        return tuple(holding)

    def level(
        self,
        candidates: tuple[Candidate, ...],
        flags: tuple[RaisedFlag, ...],
        signals: tuple[str, ...],
        written: int,
    ) -> Level:
        """Return the level that kinds, dangers, signals and written characters add up to."""
        rules = self._rules
        weight = sum(signal.weight for signal in rules.signals if signal.name in signals)
        weight += rules.urgent if flags else 0.0
        weight += rules.long_story * (written / 1_000)
        weight += rules.second_area if _has_second_area(candidates) else 0.0
        if weight >= rules.high:
            return "high"
        return "medium" if weight >= rules.medium else "low"


def _has_second_area(candidates: tuple[Candidate, ...]) -> bool:
    if len(candidates) < 2:
        return False
    first = candidates[0]
    area = first.code.split(".")[0]
    return any(
        other.code.split(".")[0] != area and other.confidence >= _NEARLY * first.confidence
        for other in candidates[1:]
    )
