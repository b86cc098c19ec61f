"""How the form of a playbook looks from outside."""

from app.api.form_schema import FieldOption, FieldType, Form, FormField, FormSection, ShowWhen
from app.core.form import Field, fields_of, is_offered, labels_of
from app.domain.case import CaseState
from app.domain.playbook import FormPlan, Playbook, Texts


def form_view(playbook: Playbook, form: FormPlan, locale: str) -> Form:
    """Return a playbook's form in one of its locales."""
    fields = {field.slot.name: field for field in fields_of(playbook)}
    return Form(
        sections=[
            FormSection(
                name=section.name,
                title=section.title[locale],
                hint=_hint(section.hint, locale),
                fields=[_field(playbook, fields[one.slot], locale) for one in section.fields],
            )
            for section in form.sections
        ]
    )


def greeting(playbook: Playbook, state: CaseState) -> str:
    """Return what stands at the beginning of a case: above its form, or before its first answer."""
    if playbook.form is not None and is_offered(playbook, state):
        return playbook.form.greeting[state.locale]
    return playbook.greeting[state.locale]


def _field(playbook: Playbook, field: Field, locale: str) -> FormField:
    shown = field.shown_when
    alone = {one.value for one in field.slot.options if one.alone or one.unsaid}
    options = [
        FieldOption(value=value, label=label, alone=value in alone)
        for value, label in labels_of(field, locale).items()
    ]
    return FormField(
        name=field.slot.name,
        label=field.label(locale),
        hint=_hint(field.plan.hint, locale),
        type=_type(field),
        options=options or None,
        required=field.required,
        sensitive=field.slot.sensitive,
        max_length=field.longest(playbook),
        show_when=None if shown is None else ShowWhen(field=shown.slot, any_of=list(shown.equals)),
    )


def _type(field: Field) -> FieldType:
    match field.slot.kind:
        case "text" | "place":
            return "long_text" if field.plan.long else "text"
        case "choice":
            return "choices" if field.slot.several else "choice"
        case "money" | "number":
            return "number"
        case "date" | "yes_no" as kind:
            return kind


def _hint(texts: Texts, locale: str) -> str | None:
    return texts.get(locale)
