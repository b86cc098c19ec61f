"""Where things are and who serves, in words: what several commands tell people."""

import socket
from urllib.parse import urlsplit

from app.domain.access import who_opens
from app.domain.errors import TriageError
from app.settings import Settings

_LAST_PORT = 65_535
_PORTS_TRIED = 20


class PortTaken(TriageError):
    """Something else listens where the API should."""


def base_url(settings: Settings) -> str:
    """Return the address of the API as a browser on this machine takes it."""
    return f"http://{_in_url(reachable_host(settings.host))}:{settings.port}"


def refuse_taken_port(host: str, port: int) -> None:
    """Check that the API could listen there.

    Raises:
        PortTaken: saying so, and what to do.
    """
    if (why := _why_taken(host, port)) is not None:
        raise PortTaken(
            f"cannot listen on {host}:{port}: {why}. If `triage up` runs already, "
            f"use that one or stop it; or choose another port: TRIAGE_PORT={port + 1} triage up"
        )


def metrics_port(settings: Settings) -> int:
    """Return the port at which the worker of `triage up` serves its metrics.

    It is the one that is set, else a free one a thousand beyond the API's.

    Raises:
        PortTaken: if the one that is set is taken, or none of the others is free.
    """
    if settings.metrics_port is not None:
        tried = [settings.metrics_port]
    else:
        first = settings.port + 1_000 if settings.port < _LAST_PORT - 2_000 else 19_000
        tried = list(range(first, first + _PORTS_TRIED))
    free = next((one for one in tried if _why_taken(settings.host, one) is None), None)
    if free is None:
        raise PortTaken(
            f"the worker cannot serve its metrics on {settings.host}:{tried[0]}: it is taken; "
            "choose another port with TRIAGE_METRICS_PORT"
        )
    return free


def _why_taken(host: str, port: int) -> str | None:
    """Return why nothing can listen there; None if something can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def interviewer(settings: Settings) -> str:
    """Say who asks the questions with these settings."""
    served = [
        f"{name} ({model or 'the models of the playbook'}{f' at {base}' if base else ''})"
        for name, key, base, model in (
            (
                "OpenAI",
                settings.openai_api_key,
                settings.openai_base_url,
                settings.openai_model,
            ),
            (
                "Anthropic",
                settings.anthropic_api_key,
                settings.anthropic_base_url,
                settings.anthropic_model,
            ),
        )
        if key or base
    ]
    if not served:
        return "guided: no model key is set (OPENAI_API_KEY or ANTHROPIC_API_KEY brings a model in)"
    return f"model: {', then '.join(served)}; the guided interviewer takes over if it fails"


def reachable_host(host: str) -> str:
    """Return an address at which something that listens on `host` can be reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here


def open_to(settings: Settings) -> str:
    """Say who may open cases with these settings."""
    match who_opens(settings.host, settings.open_intake):
        case True:
            return "everybody who reaches the API"
        case None:
            return "this machine only: the demo mode; others need a key with the scope intake"
        case False:
            return "whoever has a key with the scope intake (triage keys create)"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def hide_secret(url: str) -> str:
    """Leave a password out of what is printed."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
