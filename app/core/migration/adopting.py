"""A case made of an earlier conversation: its turns, its state, what rules understand of it."""

import hashlib
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from app.core import handoff as handoffs
from app.core.migration.earlier import Earlier
from app.core.rules import Rules
from app.domain import event as events
from app.domain.assessment import Assessment
from app.domain.assignment import CONVERSATIONAL
from app.domain.case import Accepted, CaseState, Say, Turn
from app.domain.errors import ConversationOver, InvalidInput
from app.domain.event import EventId, TurnCancelled, TurnCompleted, TurnUsage
from app.domain.playbook import LEVEL_ORDER

EPOCH = 1
"""Of turns that nobody generated here; every real one is higher."""
_ANSWERS = ""
"""As a slot that was asked for: something was asked, and no slot stands for it."""


class Adopted(Struct, frozen=True, kw_only=True):
    """A case that is ready to be written."""

    state: CaseState
    turns: tuple[Turn, ...]
    waiting: Accepted | None
    """The person's last message where nobody answered it; it is answered here."""
    left_out: tuple[str, ...]
    """What the case does not take over, in words."""

    @property
    def said(self) -> list[tuple[str, str]]:
        """What was said and answered, in order: what has to be there after it was written."""
        said = [(_words(turn), turn.reply) for turn in self.turns]
        if self.waiting is not None and isinstance(self.waiting.command, Say):
            said.append((self.waiting.command.text, ""))
        return said


def adopt(earlier: Earlier, rules: Rules, *, case_id: str, locale: str, now_ms: int) -> Adopted:
    """Make a case of a conversation.

    Whatever the interviewer said before the person's first message was a greeting, and is left out.
    Messages are taken as they are; the rules read them in order, as they would have been read here,
    and where they hear a danger that calls a human, one is asked for.

    Args:
        earlier: The conversation.
        rules: Of the playbook that the case goes on with.
        case_id: Its new name.
        locale: In which it goes on.
        now_ms: For what has no time of its own.

    Raises:
        ConversationOver: if it is over.
        InvalidInput: if nobody has said anything.
    """
    if earlier.is_over:
        raise ConversationOver("it is over; only conversations that go on are moved")
    pairs = _pairs(earlier)
    if not pairs:
        raise InvalidInput("the person has not said anything")
    created = earlier.created_at or pairs[0].at or now_ms
    updated = max(created, earlier.updated_at or pairs[-1].at or created)
    state = CaseState(
        case_id=case_id,
        playbook=rules.playbook.id,
        playbook_version=rules.playbook.version,
        locale=locale,
        variant=CONVERSATIONAL,
        created_at=created,
        updated_at=updated,
        user_ref=earlier.user,
    )
    waiting = None
    if pairs[-1].reply is None:
        last = pairs.pop()
        waiting = Accepted(command=Say(text=last.text), at=last.at or updated)
    turns: list[Turn] = []
    said: list[str] = []
    for number, pair in enumerate(pairs, 1):
        at = pair.at or created
        today = datetime.fromtimestamp(at / 1_000, UTC).date()
        read = rules.understanding.read(state, said, number, pair.text, today)
        said.append(pair.text)
        state = replace(
            state,
            assessment=read,
            asking=_ANSWERS,
            questions=state.questions + (pair.reply is not None),
            said_chars=state.said_chars + len(pair.text),
        )
        turns.append(_turn(number, pair, state, at))
    assessment = state.assessment
    handoff = handoffs.requested_by_flags(
        None, rules.playbook.red_flags, Assessment(), assessment, now_ms
    )
    if earlier.complexity is not None:
        level = max(assessment.complexity, earlier.complexity, key=LEVEL_ORDER.index)
        assessment = replace(assessment, complexity=level)
    return Adopted(
        state=replace(state, assessment=assessment, asking=None, handoff=handoff),
        turns=tuple(turns),
        waiting=waiting,
        left_out=_left_out(earlier),
    )


class _Pair(Struct, frozen=True):
    text: str
    reply: str | None
    at: int | None


def _pairs(earlier: Earlier) -> list[_Pair]:
    """Pair up messages and answers; several answers in a row are one."""
    pairs: list[_Pair] = []
    for message in earlier.messages:
        if message.role == "person":
            pairs.append(_Pair(message.text, None, message.at))
        elif message.role == "interviewer" and pairs:
            last = pairs[-1]
            reply = message.text if last.reply is None else f"{last.reply}\n\n{message.text}"
            pairs[-1] = _Pair(last.text, reply, last.at)
    return pairs


def _turn(number: int, pair: _Pair, state: CaseState, at: int) -> Turn:
    """Return the record of a turn; a message that another one followed at once has no answer."""
    reply = pair.reply or ""
    digest = hashlib.sha256(reply.encode()).hexdigest()
    terminal: TurnCompleted | TurnCancelled
    if pair.reply is None:
        terminal = TurnCancelled(turn=number, message="", length=0, sha256=digest)
    else:
        terminal = TurnCompleted(
            turn=number,
            message=reply,
            length=len(reply),
            sha256=digest,
            interview="active",
            status="active",
            complexity=state.assessment.complexity,
            confidence=state.assessment.confidence,
            missing=state.assessment.missing,
            usage=TurnUsage(input=0, output=0, attempts=0, model=None),
            degradations=(),
            operator=None,
            handoff=None,
        )
    return Turn(
        turn=number,
        command=Say(text=pair.text),
        at=at,
        reply=reply,
        outcome="cancelled" if pair.reply is None else "completed",
        finished_at=at,
        event_id=str(EventId(EPOCH, number)),
        terminal=events.encode(terminal),
    )


def _left_out(earlier: Earlier) -> tuple[str, ...]:
    found = []
    others = sum(one.role == "other" for one in earlier.messages)
    if others:
        found.append(f"{others} messages of neither the person nor the interviewer")
    roles = [one.role for one in earlier.messages if one.role != "other"]
    greeting = roles.index("person") if "person" in roles else len(roles)
    if greeting:
        found.append(f"{greeting} messages before the person's first")
    if earlier.collected:
        found.append(f"collected apart from the messages: {', '.join(earlier.collected)}")
    return tuple(found)


def _words(turn: Turn) -> str:
    return turn.command.text if isinstance(turn.command, Say) else ""
