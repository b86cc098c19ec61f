"""Bodies of the structured intake: the form of a case of variant `v1`, and what it came to."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

FormStatus = Literal["open", "submitted"]
FieldType = Literal["text", "long_text", "choice", "choices", "date", "number", "yes_no"]

MOST_ANSWERS = 200
MOST_CHOSEN = 100
LONGEST_ANSWER = 100_000

Answer = (
    Annotated[str, Meta(max_length=LONGEST_ANSWER)]
    | Annotated[list[Annotated[str, Meta(max_length=LONGEST_ANSWER)]], Meta(max_length=MOST_CHOSEN)]
)


class FieldOption(Struct, kw_only=True):
    """One answer that can be chosen."""

    value: Annotated[str, Meta(description="What to send.")]
    label: Annotated[str, Meta(description="What to show, in the case's locale.")]
    alone: Annotated[
        bool,
        Meta(description="Says that none of the others holds; beside another one it counts not."),
    ] = False


class ShowWhen(Struct, kw_only=True):
    """When a field is there at all: another one has one of these answers."""

    field: Annotated[str, Meta(description="The other field, which stands before.")]
    any_of: Annotated[list[str], Meta(description="Values of which it has at least one.")]


class FormField(Struct, kw_only=True):
    """One question of the form."""

    name: Annotated[str, Meta(description="The slot that it fills; the key of its answer.")]
    label: Annotated[str, Meta(description="The question, in the case's locale.")]
    hint: Annotated[str | None, Meta(description="A word of help below the question.")] = None
    type: Annotated[
        FieldType,
        Meta(
            description="`choices` takes a list, all others one text. `yes_no`: `yes` or `no`."
            " `date`: ISO 8601, also in part (`2026-03`), or in words (`ontem`, `in March`)."
            " `number`: digits as people write them (`1.500,00`)."
        ),
    ]
    options: Annotated[
        list[FieldOption] | None,
        Meta(description="Of `choice`, `choices` and `yes_no`; null for the others."),
    ] = None
    required: Annotated[bool, Meta(description="Whether it must be answered where it is shown.")]
    sensitive: Annotated[
        bool, Meta(description="Personal data: keep it out of logs and local storage.")
    ]
    max_length: Annotated[int | None, Meta(description="The most characters of a typed answer.")]
    show_when: Annotated[
        ShowWhen | None, Meta(description="Null where the field is always there.")
    ] = None


class FormSection(Struct, kw_only=True):
    """A part of the form with a heading of its own."""

    name: Annotated[str, Meta(description="A stable name.")]
    title: Annotated[str, Meta(description="The heading, in the case's locale.")]
    hint: Annotated[str | None, Meta(description="A word of help below the heading.")] = None
    fields: Annotated[list[FormField], Meta(description="In the order in which to show them.")]


class Form(Struct, kw_only=True):
    """The structured intake, in the case's locale."""

    sections: Annotated[list[FormSection], Meta(description="In the order in which to show them.")]


class FormView(Struct, kw_only=True):
    """The form of a case, and how it stands."""

    form: Annotated[Form, Meta(description="What is asked.")]
    status: Annotated[
        FormStatus, Meta(description="`open`: to be filled in; `submitted`: taken, once for all.")
    ]
    answers: Annotated[
        dict[str, str | list[str]] | None,
        Meta(description="As they were submitted, by field; null while the form is open."),
    ] = None


class FormRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Submits the form."""

    answers: Annotated[
        dict[Annotated[str, Meta(max_length=40)], Answer],
        Meta(
            description="By field. Fields left out, and empty ones, are not answered; answers to"
            " fields that `show_when` hides are not taken.",
            max_length=MOST_ANSWERS,
            examples=[{"story": "Fui demitida ontem e não recebi nada.", "safety": ["none"]}],
        ),
    ]
