"""What every part of `ConversationStateManager` has at hand."""

from collections.abc import Collection

from app.state.release import able
from app.state.store import Store


class CasePart:
    """The storage, and who writes to it. `owner` names this process among all instances."""

    def __init__(
        self, store: Store, owner: str, *, playbooks: Collection[str] | None = None
    ) -> None:
        """Take the storage, the name of this process, and the ids of the playbooks that it has."""
        self._store = store
        self._able = able(playbooks)
        self.owner = owner
