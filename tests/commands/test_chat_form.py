"""A form in the terminal: its questions one after another, and the conversation behind it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.api.form_schema import FieldOption, FieldType, FormField, FormSection, ShowWhen
from app.commands.chat_form import FormTalk, Left, read
from app.commands.chat_texts import texts_for
from app.embedded import EmbeddedValkey
from tests.commands.test_chat import chat
from tests.support.api import Api
from tests.support.growthbook import flags_with
from tests.support.playbooks import tiny_playbook
from tests.support.processes import StartInstance
from tests.support.toml_text import write_playbook

OPTIONS = [("own", "Owned"), ("rent", "Rented"), ("shared", "Shared"), ("other", "Other")]


def field(
    name: str,
    kind: FieldType = "text",
    *,
    required: bool = False,
    show_when: ShowWhen | None = None,
    options: Sequence[tuple[str, str]] = OPTIONS,
) -> FormField:
    """Return a field, with options where its type has some."""
    chosen = [FieldOption(value=value, label=label) for value, label in options]
    return FormField(
        name=name,
        label=f"{name}?",
        type=kind,
        options=chosen if kind in {"choice", "choices", "yes_no"} else None,
        required=required,
        sensitive=False,
        max_length=None,
        show_when=show_when,
    )


class Paper:
    """A terminal that is all paper: lines typed beforehand, and what was printed."""

    def __init__(self, fields: list[FormField], lines: Sequence[str]) -> None:
        """Take the form, in one section, and the lines."""
        self.said: list[str] = []
        self.hinted: list[str] = []
        section = FormSection(name="all", title="All", hint="Everything.", fields=fields)
        self.talk = FormTalk(
            [section], texts_for("en"), iter(lines), self.said.append, self.hinted.append
        )


@pytest.mark.parametrize(
    ("kind", "line", "answer"),
    [
        ("text", "anything at all", "anything at all"),
        ("choice", "2", "rent"),
        ("choice", "rented", "rent"),
        ("choice", "RE", "rent"),
        ("choice", "o", None),
        ("choice", "0", None),
        ("choice", "5", None),
        ("choice", "99999", None),
        ("choice", "castle", None),
        ("choices", "1, 3", ["own", "shared"]),
        ("choices", "1 3", ["own", "shared"]),
        ("choices", "Owned; rented", ["own", "rent"]),
        ("choices", "1, 9", None),
        ("choices", ",", None),
    ],
)
def test_a_line_is_read_as_an_answer(
    kind: FieldType, line: str, answer: str | list[str] | None
) -> None:
    """Numbers, labels and how labels begin stand for options; what stands for several is none."""
    assert read(field("tenure", kind), line) == answer


def test_yes_and_no_are_answered_by_their_first_letter() -> None:
    """In the language of the form."""
    asked = field("deadline", "yes_no", options=[("yes", "Sim"), ("no", "Não")])
    assert [read(asked, line) for line in ("s", "não", "nao", "2", "x")] == [
        "yes", "no", "no", "no", None,
    ]  # fmt: skip


def test_the_questions_come_one_after_another() -> None:
    """Optional ones may be passed over, required ones not; what cannot be read is asked again."""
    fields = [field("story", required=True), field("place"), field("tenure", "choice")]
    paper = Paper(fields, ["", "It drips.", "", "castle", "1"])
    assert list(paper.talk.ask()) == ["story", "place", "tenure"]
    assert paper.talk.answers == {"story": "It drips.", "tenure": "own"}
    assert paper.said == [
        "story?",
        "place? (optional)",
        "tenure? (optional)\n1. Owned\n2. Rented\n3. Shared\n4. Other",
    ]
    assert paper.hinted[:2] == ["── All ──", "Everything."]
    assert "This question needs an answer." in paper.hinted
    assert "Answer with the number of one of the options." in paper.hinted


def test_hidden_questions_are_not_asked() -> None:
    """And forgotten, where a change of mind hides them."""
    rooms = field("rooms", show_when=ShowWhen(field="tenure", any_of=["own"]))
    fields = [field("tenure", "choice"), rooms, field("wish")]
    paper = Paper(fields, ["1", "4", "/back", "/back", "2", "Repair it."])
    assert list(paper.talk.ask())[-1] == "wish"
    assert paper.talk.answers == {"tenure": "rent", "wish": "Repair it."}


def test_only_what_could_not_be_taken_is_asked_again() -> None:
    """With the server's reason for each."""
    paper = Paper([field("story"), field("when", "date")], ["It drips.", "xyz", "yesterday"])
    list(paper.talk.ask())
    paper.talk.ask_again({"when": "Write a date."})
    assert paper.talk.answers == {"story": "It drips.", "when": "yesterday"}
    assert paper.hinted[-2] == "Write a date."


@pytest.mark.parametrize("lines", [[], ["It drips."], ["It drips.", "/quit", "more"]])
def test_whoever_leaves_submits_nothing(lines: list[str]) -> None:
    """The end of the input is the end of the form."""
    paper = Paper([field("story"), field("place")], lines)
    with pytest.raises(Left):
        list(paper.talk.ask())


@pytest.fixture
async def served(
    own_valkey: EmbeddedValkey, start_instance: StartInstance, tmp_path: Path
) -> tuple[str, str]:
    """A server of the tests' playbook that gives everybody its form, and somebody.

    Flags are shared by whoever shares a storage, so it has one of its own.
    """
    write_playbook(tiny_playbook(), tmp_path)
    flags = tmp_path / "flags.json"
    flags.write_bytes(flags_with((1.0, 0.0)))
    settings = {
        "TRIAGE_PLAYBOOKS": str(tmp_path),
        "TRIAGE_PLAYBOOK": tiny_playbook().id,
        "TRIAGE_FLAGS_FILE": str(flags),
    }
    instance = await asyncio.to_thread(start_instance, redis_url=own_valkey.url, env=settings)
    opened = Api(instance.port).post("/start", {"user_ref": "somebody"})
    assert opened.json()["variant"] == "v1"
    return instance.url, "somebody"


STORY = "Water is dripping from my bathroom ceiling."
FILLED = [STORY, "xyz", "", "Repair it.", "owned", "2", "", "", "", "yesterday"]


async def test_a_whole_form_through_a_pipe(served: tuple[str, str]) -> None:
    """Questions in order, one corrected, then the result; and the conversation goes on."""
    url, who = served
    lines = [*FILLED, "There is a smell of gas too.", "/quit"]
    talk = await chat(url, lines, "--locale", "en", "--user-ref", who)
    assert talk.status == 0, talk.err
    told = ["Fill in this short form.", "Tell us what broke.", STORY, "When did it start?", "xyz",
            "Write a date", "yesterday", "I have what I need", "Leak",
            "There is a smell of gas too.", "Open the windows", "I have added that"]  # fmt: skip
    places = [talk.out.index(one) for one in told]
    assert places == sorted(places)
    assert talk.err == ""


async def test_a_form_that_was_left_is_still_there(served: tuple[str, str]) -> None:
    """Whoever leaves halfway has begun, which counts, and has submitted nothing."""
    url, who = served
    talk = await chat(url, [STORY], "--locale", "en", "--user-ref", who)
    assert talk.status == 0
    assert "the input ended before the interview did" in talk.err
    assert "Leak" not in talk.out
