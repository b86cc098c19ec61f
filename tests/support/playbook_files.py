"""A small sound playbook as TOML text, and the means to break it at one place."""

from pathlib import Path

import pytest

from app.core.playbook.files import load_playbook
from app.domain.errors import PlaybookInvalid

SOUND = """\
format = 1
id = "garden"
version = "1.0.0"
title = { pt-BR = "Jardim", en = "Garden" }
description = { pt-BR = "Ajuda com o jardim.", en = "Helps with the garden." }
locales = ["pt-BR", "en"]
persona = { pt-BR = "Você fala com calma.", en = "You speak calmly." }
notice = { pt-BR = "Isto é só uma triagem.", en = "This is only a triage." }
greeting = { pt-BR = "O que houve?", en = "What happened?" }
general_steps = { pt-BR = ["Tire fotos."], en = ["Take pictures."] }

[phrases]
acknowledge = { pt-BR = ["Certo."], en = ["Right."] }
unclear = { pt-BR = "Conte mais.", en = "Tell me more." }
retry = { pt-BR = "Não entendi.", en = "I did not get that." }
closing = { pt-BR = "Obrigado.", en = "Thank you." }
addendum = { pt-BR = "Juntei.", en = "Added." }
corrected = { pt-BR = "Corrigi.", en = "Corrected." }
human_asked = { pt-BR = "Chamei.", en = "Called." }
with_human = { pt-BR = "Alguém responde.", en = "Somebody answers." }
human_left = { pt-BR = "Continuo.", en = "Going on." }
done = { pt-BR = ["só isso"], en = ["that is all"] }
unknown = { pt-BR = ["não sei"], en = ["no idea"] }
out_of_scope = { pt-BR = "Não reconheci.", en = "Not recognised." }

[[phases]]
name = "start"
least = 1
most = 3

[[phases]]
name = "more"
most = 2
complexity = "high"

[[slots]]
name = "story"
phase = "start"
required = true
label = { pt-BR = "Relato", en = "Story" }
question = { pt-BR = "O que houve?", en = "What happened?" }

[[slots]]
name = "poison"
phase = "start"
kind = "yes_no"
label = { pt-BR = "Veneno", en = "Poison" }
question = { pt-BR = "Usou veneno?", en = "Did you use poison?" }

[[slots]]
name = "ground"
phase = "start"
kind = "choice"
label = { pt-BR = "Solo", en = "Ground" }
question = { pt-BR = "Que solo é?", en = "Which ground is it?" }
when = { areas = ["plants"], slot = "poison", equals = ["no"] }
options = [
  { value = "sand", label = { pt-BR = "areia", en = "sand" } },
  { value = "clay", label = { pt-BR = "argila", en = "clay" } },
]

[[slots]]
name = "size"
phase = "more"
kind = "number"
label = { pt-BR = "Tamanho", en = "Size" }
question = { pt-BR = "Quantos metros?", en = "How many metres?" }
patterns.pt-BR = ['(\\d+) metros']

[[areas]]
code = "plants"
label = { pt-BR = "Plantas", en = "Plants" }

[[areas.subareas]]
code = "plants.lawn"
label = { pt-BR = "Gramado", en = "Lawn" }
description = { pt-BR = "Grama feia.", en = "Ugly grass." }
synonyms = { pt-BR = ["grama"], en = ["grass"] }
examples = { pt-BR = ["A grama secou."], en = ["The grass dried up."] }
nature = "plants"

[[areas.subareas]]
code = "plants.tree"
label = { pt-BR = "Árvore", en = "Tree" }
description = { pt-BR = "Árvore doente.", en = "A sick tree." }
synonyms = { pt-BR = ["árvore"], en = ["tree"] }
examples = { pt-BR = ["A árvore caiu."], en = ["The tree fell."] }
nature = "plants"

[[red_flags]]
code = "poisoned"
label = { pt-BR = "Veneno", en = "Poison" }
patterns.en = [
  'ate (?:\\w+ ){0,2}poison',
  'drank (?:\\w+ ){0,2}poison',
]
answers = [{ slot = "poison", equals = ["yes"] }]
urgency = "critical"
advice = { pt-BR = "Ligue 192.", en = "Call 192." }

[complexity]
medium = 1.5
high = 3.0

[[complexity.signals]]
name = "big"
label = { pt-BR = "Grande", en = "Big" }
weight = 1.0
words.en = ["park"]
areas = ["plants.tree"]

[limits.questions]
low = { least = 1, most = 3 }
medium = { least = 1, most = 3 }
high = { least = 1, most = 5 }

[retention]
conversation_days = 40
facts_months = 12

[analysis]
strategy = { high = "failover" }
cache_seconds = { simple = 60 }

[models]
interview = { openai = "tiny", anthropic = "tiny" }
strong = { openai = "big" }
judge = { anthropic = "wise" }
small = { openai = "tiny" }
"""


def write(folder: Path, old: str = "", new: str = "", name: str = "garden.toml") -> Path:
    """Write the playbook with its first `old` replaced by `new`.

    Raises:
        ValueError: if there is no `old`, so that a test cannot pass by breaking nothing.
    """
    if old not in SOUND:
        raise ValueError(f"the sound playbook does not contain {old!r}")
    path = folder / name
    path.write_text(SOUND.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(text: str) -> int:
    """Return the line of the sound playbook on which this text first stands."""
    return SOUND[: SOUND.index(text)].count("\n") + 1


Broken = tuple[str, str, str, str, str]
"""What is replaced, by what, the text on whose line the mistake stands, its field, its reason."""


def assert_named(broken: Broken, folder: Path) -> None:
    """Break the sound playbook and check that the mistake is told as `file:line: field: reason`."""
    old, new, anchor, field, reason = broken
    path = write(folder, old, new)
    with pytest.raises(PlaybookInvalid) as raised:
        load_playbook(path)
    mistakes = raised.value.mistakes
    start = f"{path}:{line_of(anchor)}: {field}: "
    assert any(one.startswith(start) and reason in one for one in mistakes), mistakes
