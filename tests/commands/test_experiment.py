"""`triage experiment`: every command says what is known, in any form, and names what is wrong."""

import csv
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from analytics.experiments.declaration import SHIPPED
from analytics.warehouse import open_warehouse
from app.cli import main
from tests.support.markup import Checked
from tests.support.triages import KEY, V1, V2, Somebody, crowd, facts_of, sums_of
from tests.support.warehouses import HOUR, MIDNIGHT, rows

AT = ("--at", "2025-12-15T00:00")
ARMS = {"v1": V1, "v2": V2}
PEOPLE = crowd(400, ARMS, both=3, days=2)
WICKED = "</style><script>alert(1)</script>&\"'`|*_[x](y)"
TEXT = (SHIPPED / f"{KEY}.toml").read_text("utf-8")


def keep(var: Path, people: list[Somebody]) -> Path:
    """Fill the warehouse below a data folder with what these people did."""
    warehouse = open_warehouse(var / "warehouse")
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(people)))
    warehouse.close()
    return var


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an experiment of 400 people, three of whom saw both variants."""
    return keep(tmp_path_factory.mktemp("var"), PEOPLE)


def run(var: Path, *args: str, code: int = 0) -> Result:
    """Call `triage experiment` on a data folder and check how it ends."""
    env = {"TRIAGE_VAR": str(var), "COLUMNS": "160"}
    result = CliRunner().invoke(main, ["experiment", *args], env=env)
    assert result.exit_code == code, (result.output, result.exception)
    return result


@cache
def report(var: Path, form: str, *args: str) -> str:
    """Return a report in a form, made once."""
    return run(var, "report", KEY, *AT, "--format", form, *args).stdout


def declare(folder: Path, key: str, *changes: tuple[str, str]) -> Path:
    """Declare what ships under another key, changed."""
    text = TEXT.replace(f'key = "{KEY}"', f'key = "{key}"')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    folder.mkdir(exist_ok=True)
    (folder / f"{key}.toml").write_text(text, "utf-8")
    return folder


def test_the_list_names_what_is_declared(tmp_path: Path) -> None:
    """What ships, and what a folder adds; without a warehouse."""
    shown = run(tmp_path, "list").stdout
    assert KEY in shown
    assert "v1 0.5, v2 0.5" in shown
    assert "4,000" in shown
    folder = declare(tmp_path / "own", "mine", ("= 4000", "= 12345"))
    both = run(tmp_path, "list", "--declared", str(folder)).stdout
    assert KEY in both
    assert "mine" in both
    assert "12,345" in both


def test_the_report_as_json_is_what_was_counted_by_hand(filled: Path) -> None:
    """Every figure, with the statements that were asked and the declaration itself."""
    found = json.loads(report(filled, "json"))
    assert found["schema"] == "experiment/1"
    assert found["declaration"]["key"] == KEY
    assert sum(found["taken"]["persons"].values()) == 400
    assert found["taken"]["several"] == 3
    assert found["taken"]["flags"] == ["f"]
    one = next(one for one in found["findings"] if one["metric"]["name"] == "completion")
    a, b = (sums_of(PEOPLE, arm, "completion") for arm in ("v1", "v2"))
    assert one["persons"] == [len(a.above), len(b.above)]
    assert one["analysis"]["difference"]["control"] == pytest.approx(a.rate, rel=1e-9)
    assert one["analysis"]["difference"]["treatment"] == pytest.approx(b.rate, rel=1e-9)
    assert all("SELECT" in asked["sql"] for asked in found["questions"])
    assert set(found["versions"]) == {"triage", "duckdb", "scipy", "statsmodels"}


def test_the_report_as_csv_has_a_row_for_each_metric(filled: Path) -> None:
    """With the same figures as the JSON; what cannot be computed has its reason instead."""
    table = list(csv.DictReader(io.StringIO(report(filled, "csv"))))
    findings = json.loads(report(filled, "json"))["findings"]
    assert [one["metric"] for one in table] == [one["metric"]["name"] for one in findings]
    for row, finding in zip(table, findings, strict=True):
        assert None not in row
        effect = finding["analysis"]["difference"]
        if row["reason"]:
            assert row["reason"] == effect["reason"]
            assert row["p"] == ""
        else:
            for column, name in (("difference", "estimate"), ("low", "low"), ("high", "high")):
                # Threads of the engine add in any order: the last digit may differ.
                assert float(row[column]) == pytest.approx(effect[name], rel=1e-9)
            assert int(row["n_treatment"]) == effect["n_treatment"]


def test_the_page_is_whole_and_needs_nothing_else(filled: Path, tmp_path: Path) -> None:
    """One file of well-nested HTML that fits a phone, with its pictures inside and no script."""
    out = tmp_path / "new" / "page.html"
    done = run(filled, "report", KEY, *AT, "--format", "html", "--out", str(out))
    assert done.stdout == ""
    assert f"Written to {out}" in done.stderr
    text = out.read_text("utf-8")
    page = Checked(text)
    assert page.seen.count("h1") == 1
    assert 'content="width=device-width, initial-scale=1"' in text
    assert text.count('<svg role="img" aria-label=') >= 2
    for wrong in ("NaN", "None", "nan", "@import", "url("):
        assert wrong not in text, wrong
    words = " ".join(page.words)
    for heading in ("Verdict on v2", "Can the data be trusted?", "Guardrails", "(target 8.00)"):
        assert heading in words


def test_markdown_tables_are_tables(filled: Path) -> None:
    """To a parser that is not ours, each row as wide as its head; pictures are told in words."""
    text = report(filled, "md")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = [one.type for one in tokens]
    assert kinds.count("table_open") >= 4
    widths: list[int] = []
    for kind in kinds:
        if kind == "table_open":
            widths = []
        elif kind == "tr_open":
            widths.append(0)
        elif kind in {"th_open", "td_open"}:
            widths[-1] += 1
        elif kind == "table_close":
            assert len(set(widths)) == 1
    assert text.startswith("# Structured intake or conversational interview\n")
    assert "Verdict on v2" in text


def test_the_terminal_shows_the_verdict_first(filled: Path) -> None:
    """Then health, metrics and pictures of intervals, without a colour where nobody sees it."""
    shown = run(filled, "report", KEY, *AT).stdout
    assert shown.index("Verdict") < shown.index("Can the data be trusted?")
    assert shown.index("Can the data be trusted?") < shown.index("Metrics: v2 against v1")
    assert "●" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("form", ["terminal", "md", "html", "json", "csv"])
def test_where_nothing_happened_every_form_says_so(tmp_path: Path, form: str) -> None:
    """No figure is made up, and nothing breaks."""
    shown = report(tmp_path, form)
    assert "nan" not in shown.lower().replace("unanswered", "")
    if form == "html":
        Checked(shown)
    if form in {"terminal", "md", "html"}:
        assert "Keep running" in shown
        assert "nothing that is counted yet" in " ".join(shown.split())
    if form == "json":
        assert json.loads(shown)["verdicts"]["v2"]["decision"] == "keep running"
    if form == "csv":
        table = list(csv.DictReader(io.StringIO(shown)))
        assert {one["control"] for one in table} == {""}
        assert all(one["reason"] for one in table)


def test_by_what_had_happened_until_then(filled: Path) -> None:
    """An earlier look knows fewer people, and a zone is taken into account."""

    def taken(at: str) -> int:
        found = run(filled, "report", KEY, "--at", at, "--format", "json").stdout
        return sum(json.loads(found)["taken"]["persons"].values())

    early, same = taken("2025-11-26T21:00"), taken("2025-11-26T18:00-03:00")
    assert same == early == sum(one.exposed_at < MIDNIGHT + 21 * HOUR for one in PEOPLE) > 0


def test_texts_of_a_declaration_are_never_markup(filled: Path, tmp_path: Path) -> None:
    """Whatever somebody calls a metric or asks: on the page and in Markdown."""
    title = TEXT.split('title = "')[1].split('"')[0]
    quoted = json.dumps(WICKED)
    folder = declare(
        tmp_path / "own", KEY, (f'"{title}"', quoted), ('"Completion rate"', quoted)
    )  # fmt: skip
    more = ("--declared", str(folder))
    text = report(filled, "html", *more)
    Checked(text)
    assert WICKED not in text
    rendered = MarkdownIt("js-default").enable("table").render(report(filled, "md", *more))
    assert "<script" not in rendered
    assert "alert(1)" in rendered


def test_a_healthy_experiment_passes_its_check(tmp_path: Path) -> None:
    """Its sample ratio is told."""
    keep(tmp_path, crowd(200, ARMS, days=1))
    shown = run(tmp_path, "check", KEY, *AT).stdout
    assert f"{KEY}: declared for v1, v2; 200 persons came" in shown
    assert "sample ratio: p = " in shown
    assert "in several variants: 0.00%" in shown


def test_a_check_of_nothing_says_that_nobody_came(tmp_path: Path) -> None:
    """Which is no failure: it has only not begun."""
    shown = run(tmp_path, "check", KEY).stdout
    assert "0 persons came" in shown
    assert "sample ratio: " in shown


def test_a_wrong_sample_ratio_fails_the_check(tmp_path: Path) -> None:
    """With exit code 1, so that a timer can watch it."""
    everybody = crowd(400, ARMS, days=1)
    keep(tmp_path, [one for n, one in enumerate(everybody) if one.arm == "v2" or n % 2])
    done = run(tmp_path, "check", KEY, *AT, code=1)
    assert "the sample ratio is wrong" in done.stderr


def test_people_in_several_variants_fail_the_check(tmp_path: Path) -> None:
    """More than one in a hundred of them."""
    keep(tmp_path, crowd(200, ARMS, both=5, days=1))
    done = run(tmp_path, "check", KEY, *AT, code=1)
    assert "2.5% of persons saw several variants" in done.stderr


def test_a_plan_tells_persons_and_days() -> None:
    """By hand: 2 x (1.96 + 0.84)^2 x p(1 - p) / d^2 persons, about; a week at least."""
    done = run(Path("/nowhere"), "plan", KEY, "--baseline", "0.6", "--effect", "0.1")
    told = re.search(r"([\d,]+) persons in the control, ([\d,]+) in the treatment", done.stdout)
    assert told is not None
    control, treatment = (int(one.replace(",", "")) for one in told.groups())
    rough = (1.959964 + 0.841621) ** 2 * (0.6 * 0.4 + 0.7 * 0.3) / 0.1**2
    assert control == treatment == pytest.approx(rough, rel=0.02)
    days = dict(re.findall(r"^ ([\d,]+) +([\d,]+) *$", done.stdout, re.MULTILINE))
    assert days["5,000"] == "7"
    assert int(days["20"]) == -(-2 * control // 20)
    assert "more than" not in done.stderr


def test_a_plan_takes_the_baseline_from_the_warehouse(filled: Path) -> None:
    """As the control stands now; and it says where more are needed than are planned."""
    rate = sums_of(PEOPLE, "v1", "completion").rate
    done = run(filled, "plan", KEY, "--effect", "0.02")
    assert f"{rate:.1%} of the control" in done.stdout
    assert "more than the 4,000 that are planned" in done.stderr


def test_a_plan_of_a_mean_takes_its_deviation(tmp_path: Path) -> None:
    """Half the deviation asks for four times as few."""
    folder = declare(
        tmp_path / "own", "mean",
        ('kind = "share"', 'kind = "mean"'), ("smallest_effect = 0.04", "smallest_effect = 1.0"),
    )  # fmt: skip

    def persons(deviation: str) -> int:
        args = ("plan", "mean", "--declared", str(folder), "--deviation", deviation)
        line = run(tmp_path, *args).stdout.splitlines()[1]
        return int(line.split()[0].replace(",", ""))

    assert persons("10") == pytest.approx(4 * persons("5"), rel=0.01)
    assert "--deviation: say how much" in _said(
        run(tmp_path, "plan", "mean", "--declared", str(folder), code=1)
    )


def test_an_export_has_everybody_without_a_name(filled: Path, tmp_path: Path) -> None:
    """One row a person who counts; its sums are those counted by hand."""
    out = tmp_path / "people.csv"
    done = run(filled, "export", KEY, *AT, "--out", str(out))
    text = out.read_text("utf-8")
    table: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    assert f"{len(table)} persons written to {out}" in done.stderr
    assert len(table) == 397
    assert "person-" not in text
    for arm in ("v1", "v2"):
        own = [one for one in table if one["arm"] == arm]
        for metric in ("completion", "triage_time", "cost"):
            wanted = sums_of(PEOPLE, arm, metric)
            above = sum(float(one[f"{metric}_sum"]) for one in own)
            below = sum(float(one[f"{metric}_count"]) for one in own)
            assert above == pytest.approx(sum(wanted.above), rel=1e-9)
            assert below == sum(wanted.below)


def test_statistics_can_be_tried_on_nobody(tmp_path: Path) -> None:
    """A few rounds of one scenario; the table is that of docs/statistics.md."""
    done = run(tmp_path, "simulate", "--rounds", "20", "--only", "completion", "--workers", "1")
    assert "completion" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("report", "none"), "no experiment 'none' is declared; there are: intelligent_triage_v2"),
        (("check", "none"), "no experiment 'none' is declared"),
        (("plan", "none"), "no experiment 'none' is declared"),
        (("export", "none", "--out", "x.csv"), "no experiment 'none' is declared"),
        (("report", "../secret"), "no experiment '../secret' is declared"),
        (("report", KEY, "--at", "soon"), "--at: 'soon' is no time such as"),
        (("export", KEY, "--out", "/nowhere/x.csv"), "--out: /nowhere/x.csv cannot be written"),
        (("plan", KEY), "--baseline: nothing is known of the control yet"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    """In one line that begins with the program's name."""
    shown = _said(run(tmp_path, *args, code=1))
    assert shown.startswith("triage: ")
    assert said in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "args",
    [
        ("report",),
        ("report", KEY, "--format", "pdf"),
        ("report", KEY, "--declared", "/nowhere"),
        ("plan", KEY, "--baseline", "1"),
        ("plan", KEY, "--effect", "0"),
        ("simulate", "--rounds", "1"),
        ("export", KEY),
    ],
)
def test_what_the_command_line_refuses(tmp_path: Path, args: tuple[str, ...]) -> None:
    """Before anything is read, with how it is used."""
    assert "Usage: " in run(tmp_path, *args, code=2).output


def test_a_broken_declaration_is_named(tmp_path: Path) -> None:
    """With its file, and each mistake in a line; so is one that says it is another's."""
    folder = declare(tmp_path / "own", "bad", ('control = "v1"', 'control = "v9"'))
    shown = _said(run(tmp_path, "report", "bad", "--declared", str(folder), code=1))
    assert f"{folder / 'bad.toml'}: control: 'v9' is none of the arms" in shown
    (folder / "bad.toml").write_text(TEXT, "utf-8")
    shown = _said(run(tmp_path, "report", "bad", "--declared", str(folder), code=1))
    assert f"key: it is {KEY!r}, and the file is named 'bad'" in shown


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "below.md")
    shown = _said(run(tmp_path, "report", KEY, "--format", "md", "--out", out, code=1))
    assert f"--out: {out} cannot be written" in shown


def _said(done: Result) -> str:
    """Return what was said on the error stream, on one line."""
    return " ".join(done.stderr.split())
