"""Two versions of a playbook side by side, as while a deploy rolls."""

from msgspec.structs import replace

from app.domain.case import Conclude
from app.domain.playbook import Slot
from tests.support.cores import StartCore
from tests.support.playbooks import tiny_playbook

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
FLOOR = Slot(
    name="floor",
    phase="identification",
    label={"pt-BR": "Andar", "en": "Floor"},
    question={"pt-BR": "Em que andar?", "en": "On which floor?"},
    required=True,
)


async def test_an_older_version_removes_nothing_of_a_newer_one(start_core: StartCore) -> None:
    """What only the newer one knows to ask stays, through messages, an end and a result."""
    tiny = tiny_playbook()
    newer = start_core(replace(tiny, version="1.1.0", slots=(FLOOR, *tiny.slots)))
    case = await newer.opened()
    turn = await newer.intake.correct(
        case.id, case.token, key="1", slot="floor", value="The third floor"
    )
    assert await newer.intake.wait(case.id, turn) is not None
    state = (await newer.intake.open(case.id, case.token)).state
    asking = replace(state, asking="floor", asked={"floor": 1}, questions=1)
    await newer.conversations.save_conversation_state(case.id, asking, ttl=600)
    # Whoever looks first may have the next turn: the newer one hands everything over and ends.
    await newer.drain()
    older = start_core()
    for number in range(3):
        turn = await older.say(case, f"{STORY} {number}")
        done = await older.intake.wait(case.id, turn)
        assert done is not None
        assert done.outcome == "completed"
    command = Conclude(reason="enough")
    turn = await older.intake.command(case.id, case.token, key="2", command=command)
    done = await older.intake.wait(case.id, turn)
    assert done is not None
    assert done.outcome == "completed"
    record = await older.intake.open(case.id, case.token)
    assert record.state.assessment.slots["floor"].value == "The third floor"
    result = await older.intake.result(record)
    assert result.classification is not None
    after = start_core(replace(tiny, version="1.1.0", slots=(FLOOR, *tiny.slots)))
    turn = await after.say(case, "And it is getting worse.")
    done = await after.intake.wait(case.id, turn)
    assert done is not None
    assert done.outcome == "completed"
