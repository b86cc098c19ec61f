"""`triage report` makes reports of any days, in any form, and sends them when asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analytics.warehouse import open_warehouse
from app.commands.report import report
from app.domain.errors import TriageError
from app.embedded import EmbeddedValkey
from tests.support.receivers import Receiver, receiving
from tests.support.reported import rows_of, weeks
from tests.support.valkey import Wire
from tests.support.warehouses import rows

MIDNIGHT = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp()) * 1_000
FACTS = weeks(MIDNIGHT, 4, scale=0.3)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A place with a warehouse of four days in March, around the one with 23 hours in Berlin."""
    warehouse = open_warehouse(tmp_path / "warehouse")
    with warehouse.writing() as writer:
        writer.append(rows(*FACTS))
    warehouse.close()
    return tmp_path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who plays Slack."""
    with receiving() as made:
        made.answer = lambda _: 200
        yield made


def run(valkey: EmbeddedValkey, var: Path, *args: str, **settings: str) -> Result:
    """Run `triage report` with these arguments."""
    env = {
        "COLUMNS": "160",
        "TRIAGE_REDIS_URL": valkey.url,
        "TRIAGE_VAR": str(var),
        "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "true",
        **settings,
    }
    done = CliRunner().invoke(report, args, env=env)
    if done.exception is not None and not isinstance(done.exception, (TriageError, SystemExit)):
        raise done.exception
    return done


def spent(done: Result) -> int:
    """Return the sum of a report that was printed as JSON."""
    return int(json.loads(done.stdout)["total"]["cost_nano_usd"])


def test_a_day_of_23_hours(empty_valkey: EmbeddedValkey, filled: Path) -> None:
    """Its sum is that of its rows; with the days around it, it makes up all of them."""
    day = ("--from", "2026-03-29", "--zone", "Europe/Berlin", "--format", "json")
    done = run(empty_valkey, filled, "costs", *day)
    assert done.exit_code == 0
    begins = MIDNIGHT + 47 * 3_600_000
    mine = [
        one.cost_nano_usd or 0
        for one in rows_of(FACTS)
        if begins <= one.completed_ms < begins + 23 * 3_600_000
    ]
    assert spent(done) == sum(mine) > 0
    assert len(json.loads(done.stdout)["slots"]) == 23
    all_ = ("--from", "2026-03-26", "--to", "2026-04-01", "--zone", "Europe/Berlin")
    every = run(empty_valkey, filled, "costs", *all_, "--format", "json")
    assert spent(every) == sum(one.cost_nano_usd or 0 for one in rows_of(FACTS))


def test_performance_of_a_week(empty_valkey: EmbeddedValkey, filled: Path) -> None:
    """Markdown by default; the first day is enough, and the language may be chosen."""
    done = run(empty_valkey, filled, "performance", "--from", "2026-03-23", "--language", "pt-BR")
    assert done.exit_code == 0
    assert done.stdout.startswith("# Desempenho\n\n23–29 de março de 2026 · America/Sao")
    assert "| Casos iniciados |" in done.stdout


def test_yesterday_and_last_week_by_default(empty_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """In the zone of the settings; there nothing happened, and that is what is said."""
    done = run(empty_valkey, tmp_path, "costs", TRIAGE_REPORT_ZONE="UTC")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert f"{yesterday.day} {yesterday:%B} {yesterday.year}" in done.stdout
    assert "No model was called" in done.stdout
    assert "Nobody used" in run(empty_valkey, tmp_path, "performance").stdout


def test_a_page_goes_into_a_file(empty_valkey: EmbeddedValkey, filled: Path) -> None:
    """Whose folder is made."""
    out = filled / "new" / "page.html"
    done = run(
        empty_valkey, filled, "costs", "--from", "2026-03-28", "--format", "html",
        "--out", str(out),
    )  # fmt: skip
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "<svg" in out.read_text("utf-8")
    blocked = run(empty_valkey, filled, "costs", "--out", str(out / "below"))
    assert "cannot be written" in str(blocked.exception)


def test_it_is_sent_when_asked(
    empty_valkey: EmbeddedValkey, filled: Path, receiver: Receiver
) -> None:
    """And that is noted for the alert on reports that do not come."""
    done = run(
        empty_valkey, filled, "costs", "--from", "2026-03-28", "--to", "2026-03-29", "--send",
        TRIAGE_SLACK_WEBHOOK_URL=receiver.url,
    )  # fmt: skip
    assert done.exit_code == 0
    assert "Sent to Slack" in done.stderr
    (told,) = receiver.requests
    assert "costs/2026-03-28..2026-03-29" in told.body.decode()
    with Wire(empty_valkey.socket) as wire:
        assert wire.call("HGET", "tri:reports:sent", "costs") is not None


def test_whoever_is_refused_is_told(
    empty_valkey: EmbeddedValkey, filled: Path, receiver: Receiver
) -> None:
    """Slack asks for an hour, for which nobody waits at a terminal."""
    receiver.answer = lambda _: (429, {"Retry-After": "3600"})
    done = run(
        empty_valkey, filled, "costs", "--from", "2026-03-28", "--send",
        TRIAGE_SLACK_WEBHOOK_URL=receiver.url,
    )  # fmt: skip
    assert "not sent: Slack answered with status 429" in str(done.exception)
    with Wire(empty_valkey.socket) as wire:
        assert wire.call("HGET", "tri:reports:sent", "costs") is None


def test_a_moment_of_trouble_is_waited_out(
    empty_valkey: EmbeddedValkey, filled: Path, receiver: Receiver
) -> None:
    """One refusal is followed by another attempt."""
    receiver.answer = lambda _: 500 if len(receiver.requests) == 1 else 200
    done = run(
        empty_valkey, filled, "costs", "--from", "2026-03-28", "--send",
        TRIAGE_SLACK_WEBHOOK_URL=receiver.url,
    )  # fmt: skip
    assert done.exit_code == 0
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--zone", "Mars/Olympus"), "no time zone 'Mars/Olympus'"),
        (("--from", "yesterday"), "--from: 'yesterday' is no day"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "lies before"),
        (("--to", "2026-03-01"), "--to needs --from"),
        (("--send",), "TRIAGE_SLACK_WEBHOOK_URL"),
    ],
)
def test_mistakes_are_explained(
    empty_valkey: EmbeddedValkey, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    """In a sentence, before anything is read."""
    assert said in str(run(empty_valkey, tmp_path, "costs", *args).exception)


def test_the_list_shows_what_became_of_each(empty_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """For people and for programs; where nothing was due yet, it says so."""
    assert "No report was due" in run(empty_valkey, tmp_path, "list").stdout
    with Wire(empty_valkey.socket) as wire:
        for number, name in enumerate(("costs:2026-11-23", "performance:2026-11-16")):
            wire.call("ZADD", "tri:reports:known", str(number), name)
        wire.call(
            "HSET", "tri:reports:{costs:2026-11-23}", "sent_ms", "1795600000000", "tries", "0"
        )
        week = "tri:reports:{performance:2026-11-16}"
        wire.call("HSET", week, "made_ms", "1795600000000", "tries", "3", "error", "away")
    page = tmp_path / "reports" / "costs" / "2026-11-23.html"
    page.parent.mkdir(parents=True)
    page.write_text("x")
    shown = run(empty_valkey, tmp_path, "list").stdout
    assert "2026-11-23" in shown
    assert "away" in shown
    first, second = json.loads(run(empty_valkey, tmp_path, "list", "--json").stdout)
    assert (first["kind"], first["file"]) == ("costs", str(page))
    assert (second["tries"], second["error"], second["sent_ms"]) == (3, "away", None)
