"""Patterns of what identifies people and that `tarja` does not look for; every repeat is bounded.

Shapes speak for themselves; named values are recognised by the word before them.
"""

import re


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


PLACEHOLDER = re.compile(r"\[[A-Z]{2,12}_\d{1,4}(?:\.\d{1,4})?\]")
"""What stands for a value in redacted text: `[CPF_1]`, or `[CPF_1.2]` for its second spelling."""

MAILBOX = re.compile(r"[\w.+%-]{1,128}\Z")
"""What stands before the sign of an e-mail address."""
MAIL_HOST = _pattern(
    r"(?:@|\s?\(at\)\s?|\s?\[at\]\s?|\sarroba\s)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"
)
HANDLE = re.compile(r"(?<![\w@.])@[^\W\d][\w.]{1,40}\w")

_REST = r"[^\s<>\"'«»“”]{1,2000}"
URL = _pattern(
    rf"(?:\bhttps?://|\bwww\.){_REST}"
    rf"|(?<![\w@.-])(?:[\w-]{{1,63}}\.){{1,5}}[^\W\d_]{{2,12}}/{_REST}"
)
BARE_HOST = _pattern(r"(?:https?://)?[\w.-]+(?::\d+)?/?\Z")

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("CPF", re.compile(r"(?<!\d)\d{3}[. ]\d{3}[. ]\d{3}[-/. ]\d{2}(?!\d)")),
    ("RG", re.compile(r"(?<![\d.])\d{1,2}\.\d{3}\.\d{3}-[\dXx](?!\w)")),
    ("CEP", re.compile(r"(?<![\d.-])\d{5}-\d{3}(?![\d-])")),
    ("PHONE", re.compile(r"(?<![\d.,/-])9\d{4}[- .]\d{4}(?![\d-])")),
    ("PHONE", re.compile(r"(?<![\w+])\+\d{1,3}(?:[ ().-]{0,2}\d){6,13}(?!\d)")),
    ("PHONE", re.compile(r"(?<!\d)\(0?\d{2}\) ?\d{4,5}[- .]?\d{4}(?!\d)")),
    ("IP", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")),
    ("KEY", _pattern(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")),
    (
        "KEY",
        _pattern(r"(?<![\w-])(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[a-z])[\w-]{24,512}(?![\w-])"),
    ),
    ("NUMBER", re.compile(r"(?<!\d)\d{9,64}(?!\d)")),
    ("CARD", re.compile(r"(?<!\d)\d{4}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,4})?(?!\d)")),
)
LANDLINE = re.compile(r"(?<![\d.,/-])[2-5]\d{3}-\d{4}(?![\d-])")
YEARS = re.compile(r"20\d{2}-20\d{2}\Z")
"""What looks like a telephone number and is a stretch of years."""
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")

_LINK = r"(?:n|no|num|number|numero|número|nº|é|e|is|final|ending|com)"
_GAP = rf"[^\w\n]{{0,4}}(?:{_LINK}\b[^\w\n]{{0,4}}){{0,3}}"
_NO_AMOUNT = r"(?![\w/]|,\d|\s{0,2}(?:reais|real|mil|vezes|parcelas|dias|meses|anos|%))"


def _named(words: str, value: str) -> re.Pattern[str]:
    return _pattern(rf"\b(?:{words})\.?{_GAP}({value}){_NO_AMOUNT}")


NAMED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "RG",
        _named(
            r"rg|r\.g|identidade|registro geral|cin|rne|rnm|crnm",
            r"(?:[a-z]{1,2}[- ]?)?\d[\d.\- /]{3,14}[\dx]",
        ),
    ),
    ("PASSPORT", _named("passaporte|passport", r"[a-z]{0,2}\d{6,9}")),
    (
        "ACCOUNT",
        _named(
            r"conta(?: corrente| poupan[çc]a| sal[áa]rio)?|c/c|cc|c/p|ag[êe]ncia|ag|account|branch"
            r"|iban|opera[çc][ãa]o|op",
            r"\d[\d.\-]{1,18}[\dx]|\d{3,20}",
        ),
    ),
    (
        "PHONE",
        _named(
            r"tel|telefone|fone|celular|cel|zap|whats|whatsapp|phone|mobile|call me(?: on| at)?"
            r"|ligue|ligar|liga|contato",
            r"\(?\d[\d ().-]{5,18}\d",
        ),
    ),
    (
        "CARD",
        _named(
            r"cart[ãa]o|card|cvv|cvc|c[óo]digo de seguran[çc]a|security code",
            r"\d[\d -]{1,21}\d",
        ),
    ),
    (
        "NUMBER",
        _named(
            r"matr[íi]cula|protocolo|protocol|pedido|order|processo|contrato|contract|benef[íi]cio"
            r"|nb|reserva|localizador|booking|ticket|chamado|ocorr[êe]ncia|bo|b\.o|oab|crm|ctps"
            r"|pix|senha|password|pin",
            r"(?=[\w./-]{0,30}\d)\w[\w./-]{3,30}",
        ),
    ),
)
A_DAY = re.compile(
    r"\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?\Z|\d{4}-\d{2}(?:-\d{2})?\Z|(?:19|20)\d{2}\Z"
)
"""A date where an identifier was expected."""
