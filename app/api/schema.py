"""What travels over HTTP, each field described. Results and events have their own modules."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from app.api.form_schema import Form, FormStatus
from app.domain.analysis import Analysis
from app.domain.assessment import Candidate
from app.domain.case import Handoff
from app.domain.job import JobView, WorkerView
from app.domain.playbook import Level

CASE_ID_PATTERN = "^[0-9a-f]{32}$"
CaseId = Annotated[
    str,
    Meta(
        description="The case, as `/start` named it.",
        pattern=CASE_ID_PATTERN,
        examples=["0f2b6c1d9e8a4757b3c2d1e0f9a8b7c6"],
    ),
]


class StartRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Opens a case."""

    playbook: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(description="Playbook id; the server's default if absent.", examples=[None]),
    ] = None
    locale: Annotated[
        Annotated[str, Meta(max_length=35)] | None,
        Meta(description="Preferred language, such as pt-BR or en.", examples=["pt-BR"]),
    ] = None
    user_ref: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(
            description="Your own reference of the person; not shown to anybody.",
            examples=["customer-4711"],
        ),
    ] = None
    attributes: Annotated[
        dict[
            Annotated[str, Meta(max_length=64)],
            Annotated[str, Meta(max_length=200)],
        ],
        Meta(
            description="Targeting attributes for experiments.",
            max_length=32,
            examples=[{"channel": "phone"}],
        ),
    ] = {}


class Started(Struct, kw_only=True):
    """A new case."""

    case_id: CaseId
    case_token: Annotated[
        str, Meta(description="The case's credential, returned only here: `Bearer` it.")
    ]
    status: Annotated[Literal["active"], Meta(description="The interview is open.")]
    variant: Annotated[str, Meta(description="v1: structured intake, a form; v2: conversation.")]
    message: Annotated[str, Meta(description="The greeting, with the first question.")]
    notice: Annotated[str, Meta(description="What the person should know before they begin.")]
    playbook: Annotated[str, Meta(description="Playbook id.")]
    playbook_version: Annotated[str, Meta(description="Playbook version.")]
    locale: Annotated[str, Meta(description="The locale the interview is held in.")]
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    form: Annotated[
        Form | None,
        Meta(description="What to fill in and submit; null where the case is a conversation."),
    ] = None


class MessageRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Something the person says."""

    case_id: CaseId
    message: Annotated[
        str,
        Meta(
            description="In the person's own words; how much is taken is the playbook's choice.",
            min_length=1,
            max_length=100_000,
            examples=["Fui demitida ontem e não recebi nada."],
        ),
    ]


class TurnAnswer(Struct, kw_only=True):
    """A whole turn."""

    case_id: CaseId
    turn: Annotated[int, Meta(description="Number of the turn, from 1.")]
    outcome: Annotated[
        Literal["completed", "cancelled", "failed"],
        Meta(description="`failed`: the message is kept, but nobody could answer it."),
    ]
    message: Annotated[str, Meta(description="The interviewer's answer.")]
    status: Annotated[Literal["active", "completed"], Meta(description="The case's status.")]
    interview: Annotated[
        Literal["active", "complete"], Meta(description="Whether more will be asked.")
    ]
    complexity: Annotated[Level, Meta(description="As assessed so far.")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="In the leading classification.")]
    missing: Annotated[list[str], Meta(description="Required slots that are still unknown.")]
    analysis: Annotated[Analysis | None, Meta(description="The result, once there is one.")] = None
    job: Annotated[
        JobView | None,
        Meta(description="The background analysis, where the result is made in one."),
    ] = None


class TurnSnapshot(Struct, kw_only=True):
    """A turn as it stands."""

    case_id: CaseId
    turn: Annotated[int, Meta(description="Number of the turn, from 1.")]
    status: Annotated[
        Literal["queued", "running", "completed", "cancelled", "failed"],
        Meta(description="`queued`: earlier turns come first."),
    ]
    text: Annotated[str, Meta(description="The answer so far, or all of it.")]
    last_event_id: Annotated[
        str | None, Meta(description="Resume the stream behind this id; null before the first.")
    ]


class KnownFact(Struct, kw_only=True):
    """Something that was understood."""

    slot: Annotated[str, Meta(description="Name of the slot.")]
    label: Annotated[str, Meta(description="What it is, in the case's locale.")]
    value: Annotated[str, Meta(description="What is known.")]
    turn: Annotated[int, Meta(description="The turn it rests on.")]
    source: Annotated[
        Literal["rules", "model", "person"],
        Meta(description="Who found it; `person`: corrected."),
    ]


class StatusView(Struct, kw_only=True):
    """Everything that a polling frontend needs."""

    case_id: CaseId
    status: Annotated[Literal["active", "completed"], Meta(description="The case's status.")]
    variant: Annotated[str, Meta(description="v1: structured intake, a form; v2: conversation.")]
    playbook: Annotated[str, Meta(description="Playbook id.")]
    locale: Annotated[str, Meta(description="The case's locale.")]
    turns: Annotated[int, Meta(description="Turns accepted so far.")]
    turns_done: Annotated[int, Meta(description="Turns committed so far.")]
    running: Annotated[
        int | None, Meta(description="The turn that is being answered, if any: follow it.")
    ]
    complexity: Annotated[Level, Meta(description="As assessed so far.")]
    confidence: Annotated[float, Meta(ge=0, le=1, description="In the leading classification.")]
    candidates: Annotated[list[Candidate], Meta(description="Most likely first.")]
    missing: Annotated[list[str], Meta(description="Required slots that are still unknown.")]
    red_flags: Annotated[list[str], Meta(description="Red flags raised so far.")]
    facts: Annotated[list[KnownFact], Meta(description="What was understood so far.")]
    result_ready: Annotated[bool, Meta(description="Whether `/result/{id}` answers.")]
    job: Annotated[
        JobView | None,
        Meta(description="The background analysis, where the result is made in one."),
    ]
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    updated_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    handoff: Annotated[
        Handoff | None, Meta(description="How it stands with a human; null if none was asked for.")
    ] = None


TurnKind = Literal[
    "say",
    "begin",
    "fill",
    "correct",
    "conclude",
    "ask_human",
    "need_human",
    "take",
    "operator",
    "hand_back",
]


class CaseTurn(Struct, kw_only=True):
    """A turn of the conversation."""

    turn: Annotated[int, Meta(description="Number of the turn, from 1.")]
    kind: Annotated[
        TurnKind,
        Meta(
            description="What the person did: `say`, `begin` (to fill in the form), `fill`"
            " (submitted it), `correct`,"
            " `conclude`, `ask_human`; what an operator did: `take`, `operator` (the reply is"
            " theirs), `hand_back`; or `need_human`, where an analysis asked for a human."
        ),
    ]
    message: Annotated[str, Meta(description="What the person wrote.")]
    reply: Annotated[str, Meta(description="The answer; empty while it is not committed.")]
    operator: Annotated[
        str | None, Meta(description="Display name of the operator who acts, if one does.")
    ] = None
    outcome: Annotated[
        Literal["completed", "cancelled", "failed", "running", "queued"],
        Meta(description="How it went, or that it goes on."),
    ]
    at: Annotated[int, Meta(description="When it was accepted: Unix time in milliseconds.")]


class CaseView(Struct, kw_only=True):
    """A whole conversation, to draw it anew."""

    case_id: CaseId
    status: Annotated[Literal["active", "completed"], Meta(description="The case's status.")]
    playbook: Annotated[str, Meta(description="Playbook id.")]
    locale: Annotated[str, Meta(description="The case's locale.")]
    variant: Annotated[str, Meta(description="v1: structured intake, a form; v2: conversation.")]
    greeting: Annotated[str, Meta(description="The greeting, with the first question.")]
    notice: Annotated[str, Meta(description="What the person should know before they begin.")]
    turns: Annotated[list[CaseTurn], Meta(description="Oldest first.")]
    handoff: Annotated[
        Handoff | None, Meta(description="How it stands with a human; null if none was asked for.")
    ] = None
    form_status: Annotated[
        FormStatus | None,
        Meta(description="How it stands with the form; null where the case is a conversation."),
    ] = None


class ConcludeRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ends an interview with what is known."""

    case_id: CaseId
    reason: Annotated[
        str,
        Meta(
            description="Why; kept with the case.",
            max_length=500,
            examples=["The person hung up."],
        ),
    ] = ""


class HumanRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Asks for a human."""

    reason: Annotated[
        str,
        Meta(
            description="Why, in the person's own words; operators see it.",
            max_length=500,
            examples=["I would rather explain this to a person."],
        ),
    ] = ""


class FactRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Corrects a fact."""

    slot: Annotated[str, Meta(description="Name of the slot.", max_length=40, examples=["when"])]
    value: Annotated[
        str,
        Meta(
            description="What is right; empty to remove the fact.",
            max_length=2_000,
            examples=["12/03/2026"],
        ),
    ]


_POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
_SECRET = "BTBZMqHH6r4Tts7J_aSIgg"  # noqa: S105 - published with RFC 8291


class PushKeys(Struct, kw_only=True, forbid_unknown_fields=True):
    """The keys that a browser makes for a subscription."""

    p256dh: Annotated[
        str,
        Meta(
            description="Its public key: Base64url of a point of P-256.",
            min_length=80,
            max_length=100,
            examples=[_POINT],
        ),
    ]
    auth: Annotated[
        str,
        Meta(
            description="Its secret: Base64url of 16 bytes.",
            min_length=20,
            max_length=30,
            examples=[_SECRET],
        ),
    ]


class PushRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A browser's subscription, as `PushSubscription.toJSON()` gives it."""

    endpoint: Annotated[
        str,
        Meta(
            description="The address at its push service; https only.",
            max_length=2_048,
            examples=["https://push.example.com/send/4b0e1a7c"],
        ),
    ]
    keys: Annotated[
        PushKeys,
        Meta(
            description="What encrypts for it.",
            examples=[
                {
                    "p256dh": _POINT,
                    "auth": _SECRET,
                }
            ],
        ),
    ]
    expiration_time: Annotated[
        float | None,
        Meta(
            description="When the browser will end it; taken and not used.",
            examples=[None],
        ),
    ] = field(default=None, name="expirationTime")


class PushTaken(Struct, kw_only=True):
    """A browser that will be told."""

    subscription: Annotated[
        str, Meta(description="Its name, to take it off; the same for the same address.")
    ]


class PushKey(Struct, kw_only=True):
    """The key by which browsers and push services know this installation."""

    public_key: Annotated[
        str, Meta(description="`applicationServerKey` of `PushManager.subscribe`, in Base64url.")
    ]


class Health(Struct, kw_only=True):
    """How an instance is."""

    status: Annotated[Literal["ok", "unavailable"], Meta(description="In a word.")]
    detail: Annotated[str, Meta(description="What is wrong, if anything.")] = ""


class RedisHealth(Struct, kw_only=True):
    """How the storage is."""

    status: Annotated[Literal["ok", "unavailable"], Meta(description="In a word.")]
    detail: Annotated[str, Meta(description="What is wrong, if anything.")] = ""
    server: Annotated[str, Meta(description="Name and version of the server.")] = ""
    ping_ms: Annotated[float | None, Meta(description="Round trip in milliseconds.")] = None
    used_memory_bytes: Annotated[int | None, Meta(description="Memory in use.")] = None
    max_memory_bytes: Annotated[int | None, Meta(description="Its limit; 0 for none.")] = None
    persistence: Annotated[str, Meta(description="How writes are kept.")] = ""


class JobList(Struct, kw_only=True):
    """A page of jobs."""

    jobs: Annotated[list[JobView], Meta(description="The latest created first.")]
    cursor: Annotated[
        str | None, Meta(description="Send it back for the next page; null where there is none.")
    ]


class WorkerList(Struct, kw_only=True):
    """Everybody who works."""

    workers: Annotated[list[WorkerView], Meta(description="Those seen within 15 seconds.")]
