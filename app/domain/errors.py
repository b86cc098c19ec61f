"""The error tree. The core raises these; `app.api.problems` alone knows their HTTP status.

TriageError
├── InvalidInput                 the request cannot be understood
│   ├── IdempotencyKeyMissing    a turn was posted without its key
│   ├── IdempotencyMismatch      the same key came with another body
│   └── AddressRefused           an address outside to which nothing is sent
├── NotAuthenticated             no credential came with the request
│   └── KeyRefused               the API key is not known, was revoked, or has expired
├── ScopeMissing                 the API key is good, and for other things
├── TooManyRequests              a case, key or address asks more than it may
├── TooManyStreams               a case or key has as many open streams as it may
├── InstanceFull                 this instance has as many open streams as it takes
├── AccessSecretWrong            credentials were made under another secret than ours
├── KeyNotFound                  there is no such API key
├── KeyConflict                  the API key has ended, and cannot be rotated
├── CaseNotFound                 no such case, or it is somebody else's
├── TurnNotFound                 no such turn in this case
├── LinkNotFound                 a link to another device is wrong, used or too old
├── TurnBusy                     another turn is running and the caller asked not to wait
├── HandoffConflict              the conversation is not this operator's
├── FormNotFound                 the case has no form: it is a conversation
├── FormInvalid                  answers of a form cannot be taken
├── FormSubmitted                the form of the case was submitted before
├── CaseFull                     the case has reached its playbook's limit of messages
├── ResultNotReady               the interview or the analysis is still going on
├── JobNotFound                  no such background analysis
├── JobConflict                  the job is in no state for that
├── ReviewConflict               there is no disagreement that could be settled
├── WebhookNotFound              no such webhook endpoint
├── PushOff                      this instance has no keys for Web Push
├── Draining                     this instance is shutting down
├── MasterKeysWrong              the ring of master keys is not the one of this storage
├── StateUnavailable             Valkey is away, loading or full
│   └── CaseUnreadable           what is kept of one case cannot be read here
│       ├── CaseForOthers        its playbook is not here, or a newer release wrote to it
│       ├── StateTooNew          a newer version has written it
│       ├── MasterUnknown        its key is wrapped by a master key that is not in the ring
│       └── StateDamaged         it is not what was sealed for this case
├── Fenced                       another instance owns the case now
├── FlagsInvalid                 a set of feature flags cannot be used
├── WebhookRefused               an incoming webhook is forged, too old or a repetition
└── PlaybookInvalid              a playbook file has mistakes
"""

from app.domain import form


class TriageError(Exception):
    """Whatever this project raises on purpose; its text is fit to show."""


class InvalidInput(TriageError):
    """The request cannot be understood as it stands."""


class IdempotencyKeyMissing(InvalidInput):
    """Every turn carries an Idempotency-Key, so that a retry cannot run it twice."""


class IdempotencyMismatch(InvalidInput):
    """The same Idempotency-Key came with another body."""


class ConversationOver(InvalidInput):
    """An earlier conversation that has ended is not moved."""


class AddressRefused(InvalidInput):
    """Nothing is sent to this address: it is malformed, or not out in the world."""


class NotAuthenticated(TriageError):
    """No usable credential came with the request."""


class KeyRefused(NotAuthenticated):
    """The API key is not known here, was revoked, or has expired."""


class ScopeMissing(TriageError):
    """The API key is good, and for other things than what was asked for."""


class TooManyRequests(TriageError):
    """A case, a key or an address asks more often than it may."""

    def __init__(self, reason: str, retry_after: float) -> None:
        """Say who, and after how many seconds it makes sense to come back."""
        super().__init__(reason)
        self.retry_after = retry_after


class TooManyStreams(TriageError):
    """A case or a key has as many open streams as it may."""


class InstanceFull(TriageError):
    """This instance has as many open streams as it takes; another one may have room."""


class AccessSecretWrong(TriageError):
    """Credentials in the storage were made under another secret than this process has."""


class KeyNotFound(TriageError):
    """There is no such API key."""


class KeyConflict(TriageError):
    """The API key was revoked or has expired, so that it cannot be rotated."""


class CaseNotFound(TriageError):
    """No such case for this caller: absent, expired, erased, or somebody else's."""


class TurnNotFound(TriageError):
    """The case has no such turn."""


class LinkNotFound(TriageError):
    """A link to another device is wrong, was used before, or is too old."""


class TurnBusy(TriageError):
    """A turn is running and the caller asked to be refused rather than queued."""

    def __init__(self, turn: int) -> None:
        """Name the running turn, so that the caller can follow or cancel it."""
        super().__init__(f"turn {turn} is still running")
        self.turn = turn


class HandoffConflict(TriageError):
    """The conversation is not the operator's: another one has it, or nobody asked for a human."""


class FormNotFound(TriageError):
    """The case has no form: its variant is a conversation, or its playbook has none."""


class FormInvalid(TriageError):
    """Answers of a form cannot be taken; `mistakes` names each field, in the case's language."""

    def __init__(self, mistakes: tuple[form.FormMistake, ...]) -> None:
        """Keep every mistake, not only the first."""
        super().__init__("; ".join(f"{one.field}: {one.detail}" for one in mistakes))
        self.mistakes = mistakes


class FormSubmitted(TriageError):
    """The form was submitted before; a conversation goes on from there."""


class CaseFull(TriageError):
    """The case has as many messages as its playbook allows."""


class ResultNotReady(TriageError):
    """There is no result yet."""

    def __init__(self, status: str, analysis: str | None = None) -> None:
        """Carry the case's status and its analysis's, which the caller wants to know instead."""
        waits_for = f"the case is {status}" if analysis is None else f"the analysis is {analysis}"
        super().__init__(f"the result is not ready: {waits_for}")
        self.status = status
        self.analysis = analysis


class JobNotFound(TriageError):
    """There is no such background analysis."""


class JobConflict(TriageError):
    """The job is in no state for what was asked, such as cancelling one that is done."""


class ReviewConflict(TriageError):
    """Reviewers of the case do not differ, so that there is nothing to settle."""


class ExperimentNotFound(TriageError):
    """There is no such experiment."""


class ExperimentNotComputed(TriageError):
    """Nothing was computed of an experiment yet."""


class WebhookNotFound(TriageError):
    """There is no such webhook endpoint."""


class PushOff(TriageError):
    """This instance has no keys for Web Push."""


class Draining(TriageError):
    """This instance is shutting down; another one, or a later try, will serve."""


class StateUnavailable(TriageError):
    """Valkey is away, loading its data, or out of memory."""

    def __init__(self, reason: str, retry_after: float = 1.0) -> None:
        """Say why, and after how many seconds a retry makes sense."""
        super().__init__(f"storage is unavailable: {reason}")
        self.retry_after = retry_after


class MasterKeysWrong(TriageError):
    """Nothing of this storage could be read with the ring of master keys that is here."""


class CaseUnreadable(StateUnavailable):
    """What is kept of one case cannot be read here; all others are served."""


class CaseForOthers(CaseUnreadable):
    """This instance lacks the case's playbook, or a newer release wrote to it; others serve it."""

    def __init__(self, case_id: str) -> None:
        """Name the case."""
        super().__init__(f"case {case_id} is served by instances of a newer release", 1.0)


class StateTooNew(CaseUnreadable):
    """A stored value was written by a newer version; an upgraded instance can serve it."""

    def __init__(self, detail: str) -> None:
        """Keep what did not fit."""
        super().__init__(f"the case was written by a newer version ({detail})", retry_after=5.0)


class MasterUnknown(CaseUnreadable):
    """A case's key is wrapped by a master key that this process does not have."""

    def __init__(self, detail: str) -> None:
        """Say which one."""
        super().__init__(detail, retry_after=5.0)


class StateDamaged(CaseUnreadable):
    """A stored value is not what was sealed for this case."""

    def __init__(self, what: str) -> None:
        """Say what it was to be."""
        super().__init__(f"{what} is damaged", retry_after=60.0)


class Fenced(TriageError):
    """Another instance has taken the case over; whoever raises this must stop writing."""


class FlagsInvalid(TriageError):
    """A set of feature flags cannot be used; the ones before go on."""


class WebhookRefused(TriageError):
    """An incoming webhook does not prove where it comes from, or has come before."""


class PlaybookInvalid(TriageError):
    """A playbook file has mistakes; `mistakes` names each with its line and field."""

    def __init__(self, mistakes: list[str]) -> None:
        """Keep every mistake, not only the first."""
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
