"""What rules understand of a command before anybody answers, and the advice that goes out first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from msgspec.structs import replace

from app.core import form as forms
from app.core.rules import Rules
from app.core.understanding.learned import TELLING
from app.domain.assessment import Assessment
from app.domain.case import Fill, Say, Turn
from app.state.records import Claim


class Listener:
    """Reads what people say and fill in, by rules alone."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        """Take what is compiled of each playbook, by its id."""
        self._rules = rules

    def read(self, claim: Claim, text: str) -> Assessment:
        """Return the understanding of the case after a message."""
        handoff = claim.state.handoff
        with_human = handoff is not None and handoff.status == "taken"
        # What the person tells a human is no answer to the interviewer's last question.
        state = replace(claim.state, asking=None) if with_human else claim.state
        return self._rules[claim.state.playbook].understanding.read(
            state, said_so_far(claim.turns), claim.turn, text, _day(claim)
        )

    def filled(self, claim: Claim, form: Fill) -> Assessment:
        """Return the understanding of the case after a form."""
        rules, state, today = self._rules[claim.state.playbook], claim.state, _day(claim)
        answers = forms.values_of(rules.playbook, form, state.locale, today)
        told = {name: str(form.answers[name]) for name in form.told}
        return rules.understanding.fill(
            state, said_so_far(claim.turns), claim.turn, answers, told, today
        )

    def advice(self, claim: Claim, assessment: Assessment, known: Assessment | None = None) -> str:
        """Return the advice for dangers that were not known before, ready to be said first."""
        before = {flag.code for flag in (known or claim.state.assessment).red_flags}
        new = [flag.code for flag in assessment.red_flags if flag.code not in before]
        if not new:
            return ""
        rules = self._rules[claim.state.playbook]
        return rules.understanding.safety.advice(new, claim.state.locale) + "\n\n"


def said_so_far(turns: Sequence[Turn]) -> list[str]:
    """Return what the person has told, message by message; of a form the story and its like."""
    said: list[str] = []
    for turn in turns:
        match turn.command:
            case Say(text=text):
                said.append(text)
            case Fill(answers=answers, told=told):
                story, *others = [str(answers[name]) for name in told] or [""]
                said += [one for one in others if len(one.split()) >= TELLING]
                said += [story] if story else []
            case _:
                pass
    return said


def _day(claim: Claim) -> date:
    return datetime.fromtimestamp(claim.accepted.at / 1_000, UTC).date()
