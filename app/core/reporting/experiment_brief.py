"""What a channel is told when an experiment has ended."""

from app.core.reporting.experiment_words import SAID, amount
from app.domain.experiments import EffectFigures, ExperimentStanding
from app.notify.slack import SlackFigure, SlackMessage


def experiment_brief(standing: ExperimentStanding, place: str) -> SlackMessage:
    """Return what is told of an experiment.

    Args:
        standing: how it stands; it has a verdict.
        place: where the whole report is.
    """
    said = "no verdict" if standing.verdict is None else SAID[standing.verdict][0]
    counted = sum(standing.counted.values())
    ended = f"Ended by {standing.ended_by}." if standing.ended_by else "It goes on."
    judged = "judged by the fixed test" if standing.final else "judged as may be done daily"
    return SlackMessage(
        title=f"{standing.title}: {said}",
        subtitle=f"{ended} {standing.question}",
        figures=(
            SlackFigure(label="Verdict", value=said, note=judged),
            SlackFigure(
                label="Persons counted",
                value=f"{counted:,}",
                note=f"of {standing.planned_persons:,} planned",
            ),
            *(_figure(one) for one in standing.effects if one.role != "secondary"),
        ),
        notes=tuple(
            f"{arm}: {reason}" if len(standing.verdicts) > 1 else reason
            for arm, one in standing.verdicts.items()
            for reason in one.reasons
        ),
        link_text="The whole report",
        place=place,
        key=f"experiment/{standing.key}",
    )


def _figure(one: EffectFigures) -> SlackFigure:
    label = f"{one.label}, {one.arm}"
    if one.value is None:
        return SlackFigure(label=label, value="not known", note=one.reason or "")
    ends = [
        "open" if end is None else amount(end, one.unit, sign=True) for end in (one.low, one.high)
    ]
    harmed = "; beyond its margin" if one.broken else ""
    return SlackFigure(
        label=label,
        value=amount(one.value, one.unit, sign=True),
        note=f"{' … '.join(ends)}{harmed}",
    )
