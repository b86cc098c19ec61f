"""When two cases are the same to an analyst, and how alike two tellings are."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.analysis.composing import CaseInHand, drafted
from app.core.privacy.redaction import Redactor
from app.core.reuse.matter import matter, only_names, tokens_of
from app.core.reuse.minhash import BANDS, ROWS, K, bands, signature, similarity
from app.core.reuse.similarity import Context, Contexts
from app.core.rules import Rules
from app.domain.assessment import SlotValue
from app.domain.case import OperatorSays
from app.domain.playbook import CacheSeconds
from tests.support.kept import told
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = Rules(PLAYBOOK)
CONTEXTS = Contexts(PLAYBOOK)
STORY = "Water has been dripping from my bathroom ceiling since 3 March, it cost 200 reais."


def context(case: CaseInHand, contexts: Contexts = CONTEXTS, **changes: Any) -> Context:
    """Return a case's context."""
    asked: dict[str, Any] = {
        "strategy": "simple",
        "prompts": ("analysis.v1",),
        "models": ("small openai gpt-small",),
        "near": True,
        **changes,
    }
    draft = drafted(RULES, case, "simple")
    redactor = Redactor(PLAYBOOK, case.state, case.turns)
    return contexts.of(case.state, case.turns, draft, redactor, **asked)


def named(case: CaseInHand, name: str) -> CaseInHand:
    """Return a case in which the person's name is known."""
    assessment = case.state.assessment
    slots = {**assessment.slots, "name": SlotValue(value=name, turn=2, source="rules")}
    return replace(case, state=replace(case.state, assessment=replace(assessment, slots=slots)))


def same(one: CaseInHand, other: CaseInHand) -> bool:
    """Say whether one's analysis would serve the other."""
    return context(one).key == context(other).key


def near(one: CaseInHand, other: CaseInHand) -> bool:
    """Say whether they may be compared, which wants equal scopes."""
    first, second = context(one).telling, context(other).telling
    assert first is not None
    assert second is not None
    return first.scope == second.scope


@pytest.mark.parametrize(
    "text",
    [
        STORY.upper(),
        STORY.replace(",", " --").replace(".", "!!"),
        "  " + STORY.replace(" ", "  ") + "\n",
        "Hello, good morning! " + STORY + " Thank you",
    ],
)
def test_writing_makes_no_difference(text: str) -> None:
    """Case, punctuation, blanks and greetings do not tell two cases apart."""
    assert same(told(RULES, STORY), told(RULES, text))


@pytest.mark.parametrize(
    "text",
    [
        STORY.replace("3 March", "4 March"),
        STORY.replace("200", "300"),
        STORY.replace("has been", "has not been"),
        STORY.replace("bathroom", "kitchen"),
        STORY.replace("3 March", "March 3,1"),
    ],
)
def test_what_is_said_makes_a_difference(text: str) -> None:
    """Another date, amount, denial or word is another case."""
    assert not same(told(RULES, STORY), told(RULES, text))


def test_who_says_it_makes_none() -> None:
    """Names and numbers of people tell no cases apart, and neither does giving one's name."""
    ana = told(RULES, STORY + " My number is (11) 98765-4321.", "My name is Ana")
    bia = told(RULES, STORY + " My number is (21) 91234-5678.", "I am called Beatriz Souza")
    assert same(named(ana, "Ana"), named(bia, "Beatriz Souza"))
    assert same(told(RULES, STORY), told(RULES, STORY, "me chamo 529.982.247-25"))


def test_a_name_is_no_answer() -> None:
    """A message that says anything beside the name counts."""
    assert only_names(matter("Me chamo [NAME_1]."))
    assert not only_names(matter("Não, [NAME_1]"))
    assert not only_names(matter("[NAME_1] fui demitido"))
    assert not only_names(matter("me chamo"))


def test_typing_a_placeholder_is_not_having_one() -> None:
    """Who types `[PHONE_1]` is not taken for somebody who gave a number."""
    assert not same(told(RULES, "call [PHONE_1]"), told(RULES, "call (11) 98765-4321"))
    assert not same(told(RULES, "call phone 1"), told(RULES, "call (11) 98765-4321"))


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "failover"},
        {"prompts": ("analysis.v2",)},
        {"models": ("small openai gpt-other",)},
    ],
)
def test_how_it_is_analysed_makes_a_difference(changes: dict[str, Any]) -> None:
    """Another strategy, prompt or model is another analysis."""
    case = told(RULES, STORY)
    assert context(case).key != context(case, **changes).key


def test_the_playbook_makes_a_difference() -> None:
    """A playbook that changed is another one, whether or not its version says so."""
    other = replace(PLAYBOOK, persona={"pt-BR": "Outra.", "en": "Another."})
    case = told(RULES, STORY)
    assert context(case).key != context(case, Contexts(other)).key


@pytest.mark.parametrize("changes", [{"locale": "pt-BR"}, {"variant": "v1"}])
def test_arm_and_language_make_a_difference(changes: dict[str, str]) -> None:
    """The experiment's arm and the language are part of the case."""
    case = told(RULES, STORY)
    other = replace(case, state=replace(case.state, **changes))
    assert context(case).key != context(other).key


def test_yesterday_is_another_day_tomorrow() -> None:
    """Relative dates count as the days that they mean."""
    case = told(RULES, "It drips since yesterday.")
    later = replace(case, turns=tuple(replace(one, at=one.at + 86_400_000) for one in case.turns))
    assert not same(case, later)


def test_a_short_answer_has_its_question() -> None:
    """Yes to one question is not yes to another."""
    case = told(RULES, STORY, "yes")
    first, second = case.turns
    other = replace(case, turns=(replace(first, reply="Is it still wet?"), second))
    assert not same(case, other)


def test_danger_and_humans_are_never_shared() -> None:
    """A critical case, and one in which an operator spoke, is for itself."""
    assert context(told(RULES, STORY)).shareable
    assert not context(told(RULES, "I smell gas in my kitchen.")).shareable
    case = told(RULES, STORY, "hello")
    spoken = replace(case.turns[1], command=OperatorSays(operator="Rui", text="hello"))
    assert not context(replace(case, turns=(case.turns[0], spoken))).shareable


def test_the_playbook_says_for_how_long() -> None:
    """Each strategy has its own time."""
    plan = replace(PLAYBOOK.analysis, cache_seconds=CacheSeconds(simple=7, failover=8, ensemble=9))
    contexts = Contexts(replace(PLAYBOOK, analysis=plan))
    case = told(RULES, STORY)
    assert context(case, contexts).seconds == 7
    assert context(case, contexts, strategy="ensemble").seconds == 9


def test_near_is_only_what_the_playbook_does_not_know() -> None:
    """Filling words may differ; figures, denials and words of the domain may not."""
    case = told(RULES, STORY)
    assert near(case, told(RULES, STORY.replace("it cost", "it sadly cost")))
    for text in (
        STORY.replace("3 March", "4 March"),
        STORY.replace("200", "two hundred"),
        STORY.replace("it cost", "it never cost"),
        STORY.replace("bathroom ceiling", "bathroom ceiling and socket"),
        STORY + " (11) 98765-4321",
    ):
        assert not near(case, told(RULES, text)), text


def test_words_of_redacted_text() -> None:
    """Figures keep their signs, placeholders their brackets, contractions lose the apostrophe."""
    said = list(tokens_of("Don't pay R$ 1.500,00 in 15/03 to [NAME_1.2]!"))
    assert said == ["dont", "pay", "r", "1.500,00", "in", "15/03", "to", "[NAME_1]"]


def test_the_estimate_keeps_within_its_bounds() -> None:
    """Over many pairs of known similarity, MinHash errs as its theory says and not more."""
    drawn = random.Random(7)
    errors = []
    for _ in range(120):
        shared, own = drawn.randint(5, 60), drawn.randint(0, 30)
        base = [f"w{drawn.random()}" for _ in range(shared)]
        one = base + [f"a{drawn.random()}" for _ in range(own)]
        other = base + [f"b{drawn.random()}" for _ in range(own)]
        pairs = [set(pairwise(words)) for words in (one, other)]
        true = len(pairs[0] & pairs[1]) / len(pairs[0] | pairs[1])
        error = similarity(signature(one), signature(other)) - true
        errors.append(error / max(0.5 / K**0.5, (true * (1 - true) / K) ** 0.5))
    assert abs(sum(errors) / len(errors)) < 0.3
    assert sum(abs(one) < 2 for one in errors) / len(errors) > 0.9


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_a_text_is_like_itself(words: list[str]) -> None:
    """A signature depends on the words alone and shares all its bands with its equal."""
    one, other = signature(words), signature(list(words))
    assert similarity(one, other) == (1.0 if words else 0.0)
    assert len(one) == (K if words else 0)
    assert bands("s", one) == bands("s", other)
    assert not set(bands("s", one)) & set(bands("t", one))
    assert len(bands("s", one)) == (BANDS if words else 0)
    assert BANDS * ROWS == K
