"""What a durable turn costs beside a bare forwarder, and beside the SDK called directly.

Everybody asks the same provider, in the same run, on the same core.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tests.bench.load import Load, Target, steady
from tests.bench.machine import percentile
from tests.bench.report import Row, Table
from tests.bench.rig import Rig, run

WORDS = 100
COALESCED_MS = 50


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    seconds: float = 8.0
    words: int = WORDS
    every_ms: float = 20.0
    calm_words: int = 60
    calm_ms: float = 100.0
    """Between words where first words are timed: below saturation even for the dearest."""
    users: int = 200
    sdks: Sequence[str] = ("openai",)

    def cases(self, spread: float) -> int:
        """Return how many cases are surely enough, where a stream takes so many seconds."""
        return int(self.users * (self.seconds / spread + 4))


def capacity(rig: Rig, plan: Plan) -> Table:
    """Measure processor time for each word at the most users, and streams a second on one core."""
    rig.pace(words=plan.words, every_ms=plan.every_ms)
    users, spread = plan.users, plan.words * plan.every_ms / 1_000

    def loaded(target: Target, cpu: Callable[[], float]) -> Load:
        return run(steady(target, users=users, spread=spread, seconds=plan.seconds, cpu=cpu))

    floor = loaded(*rig.floor())
    ours = loaded(*rig.ours(rig.shared("openai"), plan.cases(spread)))
    gathering = rig.instance("openai", TRIAGE_COALESCE_MS=str(COALESCED_MS))
    together = loaded(*rig.ours(gathering, plan.cases(spread)))
    gathering.close()
    as_documented = rig.direct("openai", max(1, users // 4), spread, plan.seconds)
    per_core = 1e6 / (ours.cpu_per_word * plan.words)
    floor_per_core = 1e6 / (floor.cpu_per_word * plan.words)
    delay, late, floor_delay = (
        percentile([one for seen in load.streams for one in seen.delays], 0.99) / 1_000
        for load in (ours, together, floor)
    )
    together_per_core = 1e6 / (together.cpu_per_word * plan.words)
    return Table(
        name="capacity",
        title=f"{users} open streams of {plan.words} words, {plan.every_ms:g} ms apart, one core",
        rows=[
            Row(
                what="streams a second on one core",
                ours=per_core,
                unit="/s",
                beside="floor",
                peer=floor_per_core,
                aim="≥ 0.75 of the floor",
                reached=per_core >= 0.75 * floor_per_core,
            ),
            Row(
                what="processor time of a word",
                ours=ours.cpu_per_word,
                unit="µs",
                beside="floor",
                peer=floor.cpu_per_word,
            ),
            Row(
                what="the same, beside only reading it with the SDK",
                ours=ours.cpu_per_word,
                unit="µs",
                beside="OpenAI SDK as documented",
                peer=as_documented.cpu / max(1, as_documented.words) * 1e6,
            ),
            Row(
                what=f"streams a second, words of {COALESCED_MS} ms sent on together",
                ours=together_per_core,
                unit="/s",
                beside="floor",
                peer=floor_per_core,
            ),
            Row(
                what="from the provider to the client then, p99",
                ours=late,
                unit="ms",
                aim="≤ 55 ms",
                reached=late <= 55,
            ),
            Row(
                what="share of the core that was had",
                ours=ours.cpu / ours.seconds,
                unit="",
                beside="floor",
                peer=floor.cpu / floor.seconds,
            ),
            Row(
                what="durable words a second",
                ours=ours.words / ours.seconds,
                unit="/s",
                beside="sent by the provider",
                peer=users * 1_000 / plan.every_ms,
            ),
            Row(
                what="from the provider to the client, p99",
                ours=delay,
                unit="ms",
                beside="floor",
                peer=floor_delay,
                aim="≤ 5 ms",
                reached=delay <= 5,
            ),
        ],
    )


def first_words(rig: Rig, plan: Plan) -> Table:
    """Measure how much later the first word comes than from the SDK called directly."""
    rig.pace(words=plan.calm_words, every_ms=plan.calm_ms)
    users, spread = plan.users, plan.calm_words * plan.calm_ms / 1_000

    def firsts(target: Target, cpu: Callable[[], float]) -> list[float]:
        load = run(steady(target, users=users, spread=spread, seconds=plan.seconds, cpu=cpu))
        return [seen.first_word * 1_000 for seen in load.streams]

    nobody = firsts(*rig.nobody())
    floor = firsts(*rig.floor())
    rows: list[Row] = []
    for sdk in plan.sdks:
        direct = [one * 1_000 for one in rig.direct(sdk, users, spread, plan.seconds).first_words]
        ours = firsts(*rig.ours(rig.shared(sdk), plan.cases(spread)))
        rows += _added(users, sdk, ours, direct, floor, nobody)
    return Table(
        name=f"first-word-{users}",
        title=f"Time to the first word, {users} open, words {plan.calm_ms:g} ms apart",
        rows=rows,
    )


_BESIDE_SDK = {(1, 50): 2.0, (50, 50): 1.5, (50, 99): 15.0}
"""Milliseconds more than the SDK called directly, by users and percentile."""
_BESIDE_NOTHING = {(200, 99): 6.0}
"""Milliseconds more than the provider itself takes. So many streams saturate the SDKs."""


def _added(
    users: int,
    sdk: str,
    ours: list[float],
    direct: list[float],
    floor: list[float],
    nobody: list[float],
) -> list[Row]:
    rows = []
    for share in (50, 99):
        mine, sdks, least, bare = (
            percentile(one, share / 100) for one in (ours, direct, floor, nobody)
        )
        name = f"{users} streams, {sdk}, p{share}"
        whole = Row(what=f"{name}: whole", ours=mine, unit="ms", beside="SDK alone", peer=sdks)
        to_sdk = _judged(
            Row(what=f"{name}: added to the SDK", ours=mine - sdks, unit="ms"),
            _BESIDE_SDK.get((users, share)),
        )
        to_nothing = _judged(
            Row(
                what=f"{name}: added to the provider",
                ours=mine - bare,
                unit="ms",
                beside="floor",
                peer=least - bare,
            ),
            _BESIDE_NOTHING.get((users, share)),
        )
        rows += [whole, to_sdk, to_nothing]
    return rows


def _judged(row: Row, most: float | None) -> Row:
    if most is None:
        return row
    return replace(row, aim=f"≤ {most:g} ms", reached=row.ours <= most)
