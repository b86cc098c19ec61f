"""A form in the terminal: its questions one after another, a line for each answer."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from app.api.form_schema import FormField, FormSection
from app.commands.chat_texts import Texts
from app.core.language.text import fold

Answers = dict[str, str | list[str]]
_APART = re.compile(r"[,;]+")


class Left(Exception):
    """The person left before the form was complete."""


class FormTalk:
    """Asks for the answers of a form; what they come to is checked by the server."""

    def __init__(
        self,
        sections: Sequence[FormSection],
        texts: Texts,
        lines: Iterator[str],
        say: Callable[[str], None],
        hint: Callable[[str], None],
    ) -> None:
        """Take the form, the person's language, where lines come from, and how to show text."""
        self._sections = sections
        self._fields = [field for section in sections for field in section.fields]
        self._texts = texts
        self._lines = lines
        self._say = say
        self._hint = hint
        self.answers: Answers = {}

    def ask(self) -> Iterator[str]:
        """Ask every question that is shown, and yield the name of each field that was answered.

        Raises:
            Left: the person quit, or the input ended.
        """
        place = 0
        while place < len(self._fields):
            field = self._fields[place]
            if not self._is_shown(field):
                self.answers.pop(field.name, None)
                place += 1
            elif self._ask(field):
                place += 1
                yield field.name
            else:
                place = self._before(place)

    def ask_again(self, mistakes: Mapping[str, str]) -> None:
        """Ask once more for what could not be taken, each with the reason.

        Raises:
            Left: the person quit, or the input ended.
        """
        for field in self._fields:
            if (why := mistakes.get(field.name)) is not None:
                self._hint(why)
                while not self._ask(field):
                    pass

    def _ask(self, field: FormField) -> bool:
        """Ask one question until it is answered or passed over; False to go back by one."""
        self._put(field)
        while True:
            line = next(self._lines, None)
            match line:
                case None | "/quit":
                    raise Left
                case "/back":
                    return False
                case "" if field.required:
                    self._hint(self._texts.needed)
                case "":
                    self.answers.pop(field.name, None)
                    return True
                case _ if line.startswith("/"):
                    self._hint(self._texts.form_commands)
                case _:
                    answer = read(field, line)
                    if answer is not None:
                        self.answers[field.name] = answer
                        return True
                    several = field.type == "choices"
                    self._hint(self._texts.choose_some if several else self._texts.choose_one)

    def _put(self, field: FormField) -> None:
        for section in self._sections:
            if section.fields[0] is field:
                self._hint(f"── {section.title} ──")
                self._hint(section.hint or "")
        optional = "" if field.required else f" {self._texts.optional}"
        options = (
            f"{number}. {one.label}" for number, one in enumerate(field.options or (), start=1)
        )
        self._say("\n".join((f"{field.label}{optional}", *options)))
        self._hint(field.hint or "")

    def _before(self, place: int) -> int:
        """Return the place of the field that was asked before, or of the first one."""
        earlier = (at for at in range(place - 1, -1, -1) if self._is_shown(self._fields[at]))
        return next(earlier, 0)

    def _is_shown(self, field: FormField) -> bool:
        if field.show_when is None:
            return True
        answer = self.answers.get(field.show_when.field, ())
        given: Collection[str] = (answer,) if isinstance(answer, str) else answer
        return any(one in field.show_when.any_of for one in given)


def read(field: FormField, line: str) -> str | list[str] | None:
    """Return a line as an answer: numbers and words stand for options; None where for none."""
    if field.options is None:
        return line
    parts = _APART.split(line) if field.type == "choices" else [line]
    if field.type == "choices" and re.fullmatch(r"[\d\s,;]+", line):
        parts = re.findall(r"\d+", line)
    chosen = [_option(field, part.strip()) for part in parts if part.strip()]
    values = [one for one in chosen if one is not None]
    if not values or len(values) < len(chosen):
        return None
    return values if field.type == "choices" else values[0]


def _option(field: FormField, said: str) -> str | None:
    """Return the option that is meant by a number, its label, or how only its label begins."""
    options = field.options or []
    if said.isascii() and said.isdigit():
        number = int(said[:4])
        return options[number - 1].value if 1 <= number <= len(options) else None
    plain = fold(said)
    labels = {fold(one.label): one.value for one in options}
    begins = [value for label, value in labels.items() if label.startswith(plain)]
    return labels.get(plain) or (begins[0] if len(begins) == 1 else None)
