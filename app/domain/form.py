"""What is wrong with a submitted form, field by field."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

MistakeCode = Literal[
    "required",
    "unknown_option",
    "only_one",
    "too_long",
    "not_a_date",
    "not_a_number",
    "unknown_field",
]


class FormMistake(Struct, frozen=True, kw_only=True):
    """What is wrong with one answer."""

    field: Annotated[str, Meta(description="The field, as the form names it.")]
    code: Annotated[MistakeCode, Meta(description="The kind of mistake.")]
    detail: Annotated[str, Meta(description="What to tell the person, in the case's locale.")]
