"""Settings: one frozen value, read from the environment once, at the two composition roots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from app.domain.errors import InvalidInput


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set from outside. Each field is `TRIAGE_<NAME>` unless said."""

    host: str = "127.0.0.1"
    """Where the API listens, and the worker for its metrics."""
    port: int = 8000
    """The API's port."""
    var: Path = Path("var")
    """Where this machine's data lives: the embedded Valkey's files and socket, logs, reports."""
    redis_url: str | None = None
    """A real Redis or Valkey, Sentinels that know one: `redis+sentinel://a,b,c/service`, or a
    cluster: `redis+cluster://a,b,c`; without it, the embedded server in `var` is used."""
    queue_url: str | None = None
    """A server, or Sentinels, for the queues that wake workers; without it, the same. With a
    cluster it must be set: arq takes one server. It holds nothing that could not be lost."""
    replicas: Annotated[int, Meta(ge=0, le=5)] = 0
    """How many replicas must have a message before it is acknowledged. With none, what was
    acknowledged in the moment before a primary is lost may be lost with it."""
    warehouse: str | None = None
    """`postgresql://…`, or another folder, for what analysts count; else `warehouse` in `var`."""
    warehouse_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """How often a worker takes what happened to the warehouse."""
    audit_days: Annotated[int, Meta(ge=0, le=36_500)] = 730
    """How long entries of the audit trail are kept; a worker exports older ones to `audit` in `var`
    before they go. 0 keeps them for ever."""
    experiments: Path | None = None
    """A folder with further declarations of experiments."""
    experiment_seconds: Annotated[float, Meta(ge=1)] = 600.0
    """How often a worker computes what is known of every experiment."""
    playbook: str = "legal_br"
    """The playbook of a case that names none."""
    playbooks: Path | None = None
    """A folder with further playbooks."""
    strategy: Literal["auto", "guided", "simple", "failover", "ensemble"] = "auto"
    """How results are made: `auto` by the playbook and the case's complexity, else always so."""
    cache: Literal["exact", "near", "off"] = "exact"
    """Whether a case told as an earlier one gets that one's analysis; `near` also where the words
    differ a little."""
    openai_api_key: str | None = None
    """`OPENAI_API_KEY`."""
    openai_base_url: str | None = None
    """`OPENAI_BASE_URL`."""
    openai_api: Literal["responses", "chat"] = "responses"
    """`chat` for compatible servers such as llama.cpp or vLLM."""
    openai_model: str | None = None
    """Instead of the playbook's choice, for every job."""
    anthropic_api_key: str | None = None
    """`ANTHROPIC_API_KEY`."""
    anthropic_base_url: str | None = None
    """`ANTHROPIC_BASE_URL`."""
    anthropic_model: str | None = None
    """Instead of the playbook's choice, for every job."""
    first_token_seconds: Annotated[float, Meta(gt=0)] = 8.0
    """How long a model may take to its first word before the next one is asked. One on your own
    machine may need more."""
    read_seconds: Annotated[float, Meta(gt=0)] = 5.0
    """How long it may fall silent after that."""
    prices: Path | None = None
    """A file with prices of your own, for models on your machines or by your contract."""
    operator_token: Annotated[str, Meta(min_length=16, max_length=256)] | None = None
    """What operators send as their bearer token; without it, operator routes are closed."""
    access_secret: Annotated[str, Meta(min_length=32, max_length=256)] | None = None
    """Digests of tokens and keys are made under it; a secret, the same for every process. Without
    it, the one in `var` that the first process has made."""
    master_keys: str | None = None
    """The ring of master keys itself, `id:base64` on each line, instead of a file: the key of every
    case is wrapped by one of them. A secret, the same for every process; without it, nothing that
    people said can be read."""
    master_keys_file: Path | None = None
    """The file that holds the ring; without it, `master.keys` in `var`, which the first process
    makes."""
    open_intake: bool | None = None
    """Whether everybody may open cases; without it, this machine may where the API listens to
    nothing else. Everybody else needs a key with the scope `intake`."""
    trusted_proxies: str = ""
    """Addresses and networks, with commas, whose `X-Forwarded-For` says who asks."""
    rate_case: Annotated[int, Meta(ge=0)] = 3_000
    """How many requests of a case are let in a minute, and at once; 0 is no limit, as for all of
    these."""
    rate_key: Annotated[int, Meta(ge=0)] = 6_000
    """How many requests of an API key are."""
    rate_address: Annotated[int, Meta(ge=0)] = 60
    """How many cases may be opened, and links tried, from an address in a minute."""
    streams_case: Annotated[int, Meta(ge=0)] = 200
    """How many streams a case may have open, at all instances together."""
    streams_key: Annotated[int, Meta(ge=0)] = 1_000
    """How many streams an API key may."""
    streams: Annotated[int, Meta(ge=0)] = 10_000
    """How many streams one instance has open at most."""
    growthbook_host: str = "https://cdn.growthbook.io"
    """Where GrowthBook's API, or its proxy, answers SDKs."""
    growthbook_client_key: str | None = None
    """The SDK connection's key, `sdk-…`; without it, nothing is fetched."""
    growthbook_decryption_key: str | None = None
    """For an SDK connection whose payload is encrypted."""
    growthbook_webhook_secret: str | None = None
    """The SDK webhook's secret, `wk_…`; without it, GrowthBook's webhooks are not let in."""
    growthbook_poll_seconds: Annotated[float, Meta(ge=1)] = 60.0
    """Between two looks at GrowthBook."""
    flags_file: Path | None = None
    """Flags in a file, in GrowthBook's format; taken up whenever it changes."""
    metrics_port: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    """The worker's own port for `/metrics`; 0 is any that is free. The API serves them at its own.
    """
    metrics_open: bool = False
    """Whether everybody may read the metrics, and not only this machine and operators."""
    webhook_url: str | None = None
    """An address that is told of every case; more by `triage webhooks add`."""
    webhook_secret: str | None = None
    """Signs what is sent to it; two with a space between while one replaces the other."""
    webhook_ports: Annotated[str, Meta(pattern=r"^\d{1,5}(,\d{1,5})*$")] = "443"
    """Ports at which webhooks and push services are reached, with commas."""
    webhooks_allow_loopback: bool = False
    """Whether webhooks may go to this machine itself, also without TLS: for trying them out."""
    vapid_private_key: str | None = None
    """Signs for push services; without it, the one in `var` that `triage keys vapid` has made."""
    vapid_subject: str | None = None
    """Whom push services may write to: `mailto:` or `https:`."""
    coalesce_ms: Annotated[int, Meta(ge=0, le=1_000)] = 0
    """After a model's first word, what comes within so many milliseconds is sent on together: it
    takes a part off what every word costs. 0 sends every word at once."""
    pace_ms: int = 15
    """Milliseconds between the guided interviewer's words while somebody watches; 0 is at once."""
    stalled_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """How long a reader may take nothing of what waits for it before its connection is cut."""
    turns: Annotated[int, Meta(ge=1)] = 1_000
    """How many turns one instance works on at once; beyond that it refuses work, 503, so that what
    it has taken is answered in time."""
    request_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """How long a request may take to come, head and body, before its connection is cut."""
    slack_webhook_url: str | None = None
    """The incoming webhook of the channel that reports are sent to; a secret. Without it they are
    only written to `reports` in `var`."""
    report_hour: Annotated[int, Meta(ge=0, le=23)] = 7
    """At which hour reports of the days before are made."""
    report_zone: str = "America/Sao_Paulo"
    """Whose days and hours these are, and those in the reports: an IANA time zone."""
    report_language: Literal["en", "pt-BR"] = "en"
    """In which language reports are written."""
    report_url: Annotated[str, Meta(pattern="^https?://")] | None = None
    """Where that folder is served, if it is, so that Slack can link to a report."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From where on something is logged."""
    log_format: Literal["console", "json"] = "console"
    """`json` for machines."""


_SDK_NAMES = {
    "openai_api_key": "OPENAI_API_KEY",
    "openai_base_url": "OPENAI_BASE_URL",
    "anthropic_api_key": "ANTHROPIC_API_KEY",
    "anthropic_base_url": "ANTHROPIC_BASE_URL",
}

SECRETS = frozenset(
    {
        "access_secret",
        "anthropic_api_key",
        "growthbook_client_key",
        "growthbook_decryption_key",
        "growthbook_webhook_secret",
        "master_keys",
        "openai_api_key",
        "operator_token",
        "slack_webhook_url",
        "vapid_private_key",
        "webhook_secret",
    }
)
"""Fields whose values are never shown. Addresses are, without their passwords."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables; an empty variable counts as absent.

    Instead of a value, `<VARIABLE>_FILE` may name a file that holds it: that is how containers are
    handed their secrets.

    Raises:
        InvalidInput: naming the variable whose value cannot be used.
    """
    values: dict[str, str] = {}
    for name in Settings.__struct_fields__:
        if text := _value(environ, variable_of(name)):
            values[name] = text
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message, _, field = str(error).partition(" - at `$.")
        raise InvalidInput(f"{variable_of(field.rstrip('`'))}: {message}") from None


def variable_of(field: str) -> str:
    """Return the environment variable that sets a field."""
    return _SDK_NAMES.get(field, f"TRIAGE_{field.upper()}")


_VARIABLES = frozenset(map(variable_of, Settings.__struct_fields__))


def _value(environ: Mapping[str, str], variable: str) -> str:
    text = environ.get(variable, "").strip()
    # Where a file is a setting of its own, as that of master keys, it may change as time goes on.
    is_setting = f"{variable}_FILE" in _VARIABLES
    named = "" if is_setting else environ.get(f"{variable}_FILE", "").strip()
    if not named:
        return text
    if text:
        raise InvalidInput(f"{variable} and {variable}_FILE are both set: keep one")
    try:
        return Path(named).read_text("utf-8").strip()
    except OSError as error:
        raise InvalidInput(f"{variable}_FILE: {named}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{variable}_FILE: {named} is not text") from None


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError
