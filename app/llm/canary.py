"""Watches a stream of text for a secret that must never come out."""


class CanaryWatch:
    """Passes text on, holding back only an end that could be the beginning of the secret.

    The search is Knuth's, Morris's and Pratt's: linear in the text, however it is cut.
    """

    __slots__ = ("_fallback", "_matched", "_secret")

    def __init__(self, secret: str) -> None:
        """Watch for `secret`, which is not empty."""
        self._secret = secret
        self._matched = 0
        self._fallback = [0] * len(secret)
        length = 0
        for at in range(1, len(secret)):
            while length and secret[at] != secret[length]:
                length = self._fallback[length - 1]
            length += secret[at] == secret[length]
            self._fallback[at] = length

    def feed(self, text: str) -> str | None:
        """Return the text that is surely harmless by now; None once the secret has come.

        >>> watch = CanaryWatch("k7q")
        >>> watch.feed("ok k7"), watch.feed("z"), watch.feed("k7"), watch.feed("q")
        ('ok ', 'k7z', '', None)
        """
        secret = self._secret
        held = self._matched
        if not held and secret[0] not in text:
            return text
        matched = held
        for letter in text:
            while matched and secret[matched] != letter:
                matched = self._fallback[matched - 1]
            if secret[matched] == letter:
                matched += 1
                if matched == len(secret):
                    return None
        self._matched = matched
        return (secret[:held] + text)[: held + len(text) - matched]

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        held, self._matched = self._secret[: self._matched], 0
        return held
