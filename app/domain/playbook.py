"""Playbooks: everything the engine knows about a domain, as one versioned value.

The engine itself knows no domain. A playbook says what to ask, how the closed taxonomy looks, which
words mean danger and what a person can do next. The reader of playbook files is
`app.core.playbook.files`; this module is only the shape.
"""

from collections.abc import Collection
from typing import Annotated, Literal

from msgspec import Meta, Struct

Locale = Annotated[
    str, Meta(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", description="BCP 47, such as pt-BR")
]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$")]
Texts = dict[Locale, str]
"""One text per locale; every locale of the playbook must be there."""
Words = dict[Locale, tuple[str, ...]]
"""A list of words or phrases per locale; a locale without any may be left out."""

Level = Literal["low", "medium", "high"]
UrgencyLevel = Literal["low", "medium", "high", "critical"]
Strategy = Literal["guided", "simple", "failover", "ensemble"]
SlotKind = Literal["text", "date", "money", "number", "yes_no", "choice", "place"]

URGENCY_ORDER: tuple[UrgencyLevel, ...] = ("low", "medium", "high", "critical")
LEVEL_ORDER: tuple[Level, ...] = ("low", "medium", "high")


def more_urgent(one: UrgencyLevel, other: UrgencyLevel) -> UrgencyLevel:
    """Return the higher of two urgencies.

    >>> more_urgent("high", "low")
    'high'
    """
    return max(one, other, key=URGENCY_ORDER.index)


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a playbook file: unknown keys are mistakes."""


class Phase(_Part, frozen=True, kw_only=True):
    """A stretch of the interview and how many questions it may take."""

    name: Name
    least: Annotated[int, Meta(ge=0, le=20)] = 0
    most: Annotated[int, Meta(ge=0, le=20)]
    complexity: Level = "low"
    """The phase opens only for cases at least this complex."""


class Condition(_Part, frozen=True, kw_only=True):
    """When a slot is asked. All the given parts must hold."""

    areas: tuple[Code, ...] = ()
    """Holds if the leading area, or sub-area, is one of these; empty means any."""
    slot: Name | None = None
    equals: tuple[str, ...] = ()
    """With `slot`: holds if it is known and, if `equals` is given, has one of these values."""
    complexity: Level | None = None
    """Holds if the case is at least this complex."""
    calm: bool = False
    """Holds only while no red flag is raised."""


class Option(_Part, frozen=True, kw_only=True):
    """One answer of a `choice` slot."""

    value: Name
    label: Texts
    words: Words = {}
    """Other ways in which people say it."""
    alone: bool = False
    """Says that none of the others holds; a plain no means it as well."""
    unsaid: bool = False
    """Stands for an answer that is not given: the person would rather not say, or cannot be read
    when asked again."""


class Slot(_Part, frozen=True, kw_only=True):
    """Something to be known about a case, and the plain question that asks for it."""

    name: Name
    phase: Name
    kind: SlotKind = "text"
    label: Texts
    question: Texts
    required: bool = False
    when: Condition | None = None
    options: tuple[Option, ...] = ()
    several: bool = False
    """Several options may be chosen; the question lists them by number."""
    besides: Texts = {}
    """With `several`: the question where some options are left out, because they are known."""
    patterns: Words = {}
    """Regular expressions that find the value in free text; group 1, or the whole match."""
    sensitive: bool = False
    """Personal data that is never shown in operator lists or logs."""

    def asked(self, locale: str, known: Collection[str] = ()) -> str:
        """Return the question as it is put: with its options, where several may be chosen.

        Options that are known already are left out. The others keep their numbers, so that a
        number means the same whatever was known when the list was read.
        """
        question = (self.besides if known and self.besides else self.question)[locale]
        if not self.several:
            return question
        listed = (
            f"{number}. {one.label[locale]}"
            for number, one in enumerate(self.options, 1)
            if one.value not in known
        )
        return "\n".join((question, *listed))

    def chosen(self, value: str) -> tuple[str, ...]:
        """Return the single values that a value stands for: several options, or itself."""
        return tuple(value.split(",")) if self.several else (value,)


class SubArea(_Part, frozen=True, kw_only=True):
    """A leaf of the taxonomy: one kind of problem."""

    code: Code
    label: Texts
    description: Texts
    synonyms: Words
    """Words and phrases that speak for this kind of problem."""
    examples: Words
    """Short stories, as people tell them."""
    nature: Name
    """The general nature of the matter, such as labour, civil or hardware."""
    urgency: UrgencyLevel = "low"
    """The least urgency of a case of this kind when nothing else is known."""
    deadline: Texts = {}
    """The time limit that runs for this kind of problem, in plain words."""
    documents: Words = {}
    """What to bring."""
    steps: Words = {}
    """What to do next."""
    warnings: Words = {}


class Area(_Part, frozen=True, kw_only=True):
    """A branch of the taxonomy."""

    code: Code
    label: Texts
    subareas: tuple[SubArea, ...]


class Signal(_Part, frozen=True, kw_only=True):
    """Something in a story that makes a case more complex."""

    name: Name
    label: Texts
    weight: Annotated[float, Meta(gt=0, le=10)]
    words: Words = {}
    patterns: Words = {}
    areas: tuple[Code, ...] = ()
    """Holds for every case of these areas or sub-areas."""


class Complexity(_Part, frozen=True, kw_only=True):
    """How signals add up to a level: the sum of weights against two thresholds."""

    medium: float
    high: float
    second_area: float = 1.0
    """The weight of a second area that is nearly as likely as the first."""
    urgent: float = 1.0
    """The weight of a red flag."""
    long_story: float = 0.5
    """The weight of every thousand characters the person has written."""
    signals: tuple[Signal, ...] = ()


class Concept(_Part, frozen=True, kw_only=True):
    """Words that mean the same to the rules, such as all the words for a child."""

    words: Words = {}
    """Words and phrases; `word*` stands for every word that begins so, `{name}` for a concept."""
    idioms: Words = {}
    """Phrases in which those words mean something else: `dying to see`."""
    deniable: bool = False
    """Whether a denial right before it takes it back."""


class Answer(_Part, frozen=True, kw_only=True):
    """A slot value that raises a red flag."""

    slot: Name
    equals: tuple[str, ...]


class RedFlag(_Part, frozen=True, kw_only=True):
    """Danger that rules find by themselves; a model may add flags but never remove one."""

    code: Name
    label: Texts
    signs: Words = {}
    """Signs made of words and concepts; see `app.core.understanding.signs`."""
    words: Words = {}
    """Words and phrases; compared without accents and case, at word boundaries."""
    patterns: Words = {}
    """Regular expressions over the same folded text."""
    unless: Words = {}
    """Regular expressions that, where they cover a hit of `words` or `patterns`, take it back."""
    answers: tuple[Answer, ...] = ()
    areas: tuple[Code, ...] = ()
    """Areas or sub-areas that are this danger by themselves: a case surely of one raises it."""
    suggests: tuple[Code, ...] = ()
    """Sub-areas that a case with this danger is likely to be of."""
    urgency: UrgencyLevel
    advice: Texts
    """What to do at once; shown before anything else."""
    handoff: bool = False
    """A human should look at this case now."""


class FormCondition(_Part, frozen=True, kw_only=True):
    """When a field of the form is shown: a field before it has one of these answers."""

    slot: Name
    equals: tuple[str, ...]


class FormField(_Part, frozen=True, kw_only=True):
    """A slot that the form asks for."""

    slot: Name
    label: Texts = {}
    """The question as a form puts it; without one, the slot's own."""
    hint: Texts = {}
    """A word of help below it."""
    required: bool = False
    """It has to be answered, also where the slot itself need not be known."""
    long: bool = False
    """Room for several lines, in one's own words; for text slots."""
    when: FormCondition | None = None
    """Without one, the slot's own condition counts as far as it is about a field before it."""


class FormSection(_Part, frozen=True, kw_only=True):
    """A part of the form with a heading of its own."""

    name: Name
    title: Texts
    hint: Texts = {}
    fields: tuple[FormField, ...]


class FormPlan(_Part, frozen=True, kw_only=True):
    """The structured intake: a short form in place of the interview, for variant `v1`."""

    greeting: Texts
    """Stands above the form, in place of the greeting with the first question."""
    sections: tuple[FormSection, ...]


class Budget(_Part, frozen=True, kw_only=True):
    """How many questions a case of one complexity takes."""

    least: Annotated[int, Meta(ge=1, le=20)]
    most: Annotated[int, Meta(ge=1, le=20)]


class Limits(_Part, frozen=True, kw_only=True):
    """What one case may use."""

    message_chars: Annotated[int, Meta(ge=50, le=50_000)] = 6_000
    messages: Annotated[int, Meta(ge=10, le=1_000)] = 200
    """Accepted messages and corrections of one case, all in all."""
    reply_chars: Annotated[int, Meta(ge=200, le=20_000)] = 4_000
    questions: dict[Level, Budget]


class Ttl(_Part, frozen=True, kw_only=True):
    """How long a case lives without being touched, in seconds."""

    active: Annotated[int, Meta(ge=60)] = 7 * 86_400
    completed: Annotated[int, Meta(ge=60)] = 30 * 86_400
    turn_log: Annotated[int, Meta(ge=5)] = 600
    """How long the words of a finished turn can be resumed one by one."""


class Retention(_Part, frozen=True, kw_only=True):
    """How long is kept what a case leaves behind, as a promise to whoever it is about."""

    conversation_days: Annotated[int, Meta(ge=1, le=3_650)] | None = None
    """So many days after it was last touched nothing of a conversation, nor its result, is left:
    `[ttl]` must not let a case live longer. Without it, `[ttl]` alone counts."""
    facts_months: Annotated[int, Meta(ge=1, le=120)] = 24
    """So many months after they happened, facts leave the warehouse."""


class Models(_Part, frozen=True, kw_only=True):
    """Which model of each provider does which job; settings may override."""

    interview: dict[Literal["openai", "anthropic"], str]
    small: dict[Literal["openai", "anthropic"], str]
    """For the `simple` analysis."""
    strong: dict[Literal["openai", "anthropic"], str] = {}
    """For `failover`, `ensemble` and its report; the interview's where there is none."""
    judge: dict[Literal["openai", "anthropic"], str] = {}
    """Decides where the two of an ensemble differ; the strong ones where there is none."""

    def analysing(self) -> dict[Literal["openai", "anthropic"], str]:
        """Return the models for medium and complex cases."""
        return self.strong or self.interview

    def judging(self) -> dict[Literal["openai", "anthropic"], str]:
        """Return the models that decide where others differ."""
        return self.judge or self.analysing()


class StrategyOf(_Part, frozen=True, kw_only=True):
    """How the result of a case is made, by its complexity."""

    low: Strategy = "simple"
    medium: Strategy = "failover"
    high: Strategy = "ensemble"


class CacheSeconds(_Part, frozen=True, kw_only=True):
    """How long an analysis may serve a similar case, by its strategy; 0 is never."""

    simple: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400
    failover: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400
    ensemble: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400


class AnalysisPlan(_Part, frozen=True, kw_only=True):
    """How results are made, and for how long they may be used again."""

    strategy: StrategyOf = StrategyOf()
    cache_seconds: CacheSeconds = CacheSeconds()

    def planned(self, complexity: Level) -> Strategy:
        """Return the strategy for cases of this complexity.

        >>> AnalysisPlan().planned("medium")
        'failover'
        """
        planned: dict[Level, Strategy] = {
            "low": self.strategy.low,
            "medium": self.strategy.medium,
            "high": self.strategy.high,
        }
        return planned[complexity]


class Phrases(_Part, frozen=True, kw_only=True):
    """The guided interviewer's own sentences."""

    acknowledge: Words
    """Short openings before the next question, used in turn."""
    unclear: Texts
    """Said once when nothing of the story could be placed; asks for more."""
    retry: Texts
    """Said when an answer could not be read as what was asked."""
    closing: Texts
    addendum: Texts
    """Said when something is added after the interview has ended."""
    corrected: Texts
    """Said when the person corrects a fact."""
    human_asked: Texts
    """Said when the person asks for a human."""
    with_human: Texts
    """Said once when the person writes while a human has the conversation."""
    human_left: Texts
    """Said when the human has handed the conversation back."""
    done: Words
    """Ways in which people say that they have nothing to add."""
    unknown: Words
    """Ways in which people say that they do not know."""
    out_of_scope: Texts
    """What the result says when the matter fits nothing in the taxonomy."""


class Taught(_Part, frozen=True, kw_only=True):
    """What was learned from labelled stories, beside the rules; see docs/playbooks.md."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$")]
    """The file of weights, in the playbook's folder; `triage playbook teach` makes it."""
    content: bytes = b""
    """What is in that file: put here by the reader of playbooks, never by hand."""


class Playbook(_Part, frozen=True, kw_only=True):
    """A whole domain. `id` and `version` are kept with every case that used it."""

    format: Literal[1]
    id: Name
    version: Annotated[str, Meta(pattern=r"^\d+\.\d+\.\d+$")]
    title: Texts
    description: Texts
    locales: tuple[Locale, ...]
    """The first is the default."""
    persona: Texts
    """Who the interviewer is and how it speaks; goes into the model's prompt."""
    notice: Texts
    """What the person should know before they begin: what this is, and that it is not advice."""
    greeting: Texts
    phrases: Phrases
    phases: tuple[Phase, ...]
    slots: tuple[Slot, ...]
    areas: tuple[Area, ...]
    complexity: Complexity
    concepts: dict[Name, Concept] = {}
    """Shared lists of words of which the signs of danger are made."""
    taught: Taught | None = None
    red_flags: tuple[RedFlag, ...]
    form: FormPlan | None = None
    """Without one, variant `v1` is a conversation by rules."""
    general_steps: Words
    """Next steps where the kind of problem has none of its own or was not recognised."""
    limits: Limits
    ttl: Ttl = Ttl()
    retention: Retention = Retention()
    models: Models
    analysis: AnalysisPlan = AnalysisPlan()

    def subareas(self) -> dict[str, SubArea]:
        """Return every leaf of the taxonomy by its code."""
        return {sub.code: sub for area in self.areas for sub in area.subareas}

    def slot(self, name: str) -> Slot | None:
        """Return the slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)

    @property
    def screening(self) -> Slot | None:
        """Return the slot that asks for dangers: it lists options, and they raise red flags."""
        raising = {answer.slot for flag in self.red_flags for answer in flag.answers}
        return next((one for one in self.slots if one.several and one.name in raising), None)

    def locale(self, wanted: str | None) -> str:
        """Return the playbook's locale nearest to the wanted one: exact, same language, default."""
        if wanted in self.locales:
            return str(wanted)
        language = (wanted or "").split("-")[0].lower()
        return next((one for one in self.locales if one.split("-")[0] == language), self.locales[0])
