"""What was learned, put to use beside the rules: further dangers, and a better guess at the kind.

A playbook that was taught nothing has none of this; then rules alone decide.
"""

from collections.abc import Sequence

from app.core.understanding.lexical import Evidence, Lexicon
from app.core.understanding.safety import Heard, SafetyFloor
from app.core.understanding.taught import (
    TaughtModel,
    danger_features,
    features_of,
    taught_model,
)
from app.domain.playbook import Playbook

_LONGEST_READ = 6_000
TELLING = 8
"""Words of a message that tells something; fewer are mostly an answer to a question."""


class Learned:
    """The taught model of one playbook with the rules that it rests on."""

    def __init__(self, playbook: Playbook, safety: SafetyFloor, lexicon: Lexicon) -> None:
        """Take the compiled rules; read the weights, if the playbook has any."""
        self._safety = safety
        self._lexicon = lexicon
        self.model: TaughtModel | None = taught_model(playbook)

    def flags(self, message: str, heard: Heard) -> tuple[str, ...]:
        """Return the red flags that the model raises for a message."""
        if self.model is None:
            return ()
        return tuple(self.model.flags(self.features(message, heard)))

    def features(self, message: str, heard: Heard) -> set[str]:
        """Return the features by which red flags are judged."""
        concepts = heard.concepts()
        kinds = self._lexicon.classify([message])
        more = danger_features(heard.words, heard.flags, kinds)
        return features_of(heard.words, concepts) | more

    def evidence(self, texts: Sequence[str], latest: Heard, lexical: Evidence) -> Evidence:
        """Return the evidence for each kind, of words and of what was learned together.

        Args:
            texts: What was said, message by message.
            latest: The last of these messages as it was heard.
            lexical: The evidence of words.
        """
        if self.model is None:
            return lexical
        features: set[str] = set()
        for text in _tellings(texts):
            heard = latest if text == texts[-1] else self._safety.read(text[:_LONGEST_READ])
            features |= features_of(heard.words, heard.concepts())
        said = self.model.kinds(features)
        if not lexical.kinds and not said.known:
            return lexical
        lexically, taught = self.model.lexical, self.model.taught
        return Evidence(
            {
                number: lexically * lexical.kinds.get(number, 0.0) + taught * score
                for number, score in enumerate(said.kinds)
            },
            lexically * lexical.none + taught * said.none,
        )


def _tellings(texts: Sequence[str]) -> Sequence[str]:
    """Return the messages that tell something; all of them where none is long."""
    return [text for text in texts if len(text.split(maxsplit=TELLING)) >= TELLING] or texts
