"""Where things are and who serves, in words: what several commands tell people."""

import socket
from urllib.parse import urlsplit

from app.domain.errors import TriageError
from app.settings import Settings


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {host}:{port}: {error.strerror}. If `triage up` runs already, "
                f"use that one or stop it; or choose another port: TRIAGE_PORT={port + 1} triage up"
            ) from None


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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def hide_secret(url: str) -> str:
    """Leave a password out of what is printed."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)
