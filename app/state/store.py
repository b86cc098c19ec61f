"""The storage as all of this room use it: the server, our scripts in it, and the keys of cases."""

from collections.abc import Iterable, Sequence
from typing import Any

from redis import exceptions

from app.domain.errors import StateUnavailable
from app.state.cluster import REPLICA_MS
from app.state.failing import translated
from app.state.scripting import DURABLE, SCRIPTS, Script
from app.state.sealing import Sealer
from app.state.server import Server


class Store(Server):
    """One process's access to the server and what runs in it."""

    def __init__(self, url: str, *, replicas: int = 0, sealer: Sealer | None = None) -> None:
        """Take the address.

        Args:
            url: of the server.
            replicas: how many must have a write before it is acknowledged.
            sealer: the keys of cases. Without it nothing of what cases hold is read or written.
        """
        super().__init__(url)
        self._replicas = replicas
        self._sealer = sealer

    @property
    def sealer(self) -> Sealer:
        """The keys of cases."""
        if self._sealer is None:
            raise RuntimeError("this connection was made without the keys of cases: Store(sealer=)")
        return self._sealer

    async def run(
        self,
        name: str,
        keys: Sequence[str],
        args: Sequence[Any],
        *,
        before: Iterable[Sequence[Any]] = (),
    ) -> Any:
        """Run a script and return its answer.

        Args:
            name: of the script.
            keys: its keys.
            args: its arguments.
            before: commands that run before it, in the same round trip where it is one server. An
                index is written so: it may name a case too many, never one too few.

        Raises:
            StateUnavailable: as for `command`.
        """
        script = SCRIPTS[name]
        waits = self._replicas > 0 and name in DURABLE
        if self._cluster is not None:
            with translated():
                return await self._cluster.script(
                    script.digest,
                    script.source,
                    keys,
                    args,
                    before=before,
                    replicas=self._replicas if waits else 0,
                )
        if before == () and not waits:
            return await self._run_alone(script, keys, args)
        after = [("WAIT", self._replicas, REPLICA_MS)] if waits else []
        answers = await self.attempts(
            [*before, ("EVALSHA", script.digest, len(keys), *keys, *args), *after]
        )
        had = answers.pop() if waits else self._replicas
        *earlier, answer = answers
        for one in earlier:
            if isinstance(one, Exception):
                with translated():
                    raise one
        if isinstance(answer, exceptions.NoScriptError):
            await self.command("SCRIPT", "LOAD", script.source)
            return await self.run(name, keys, args)
        for one in (answer, had):
            if isinstance(one, Exception):
                with translated():
                    raise one
        if had < self._replicas:
            raise StateUnavailable("too few of its replicas have it")
        return answer

    async def _run_alone(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by itself, which costs a process half of what a pipeline does."""
        try:
            return await self.command("EVALSHA", script.digest, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            await self.command("SCRIPT", "LOAD", script.source)
            return await self.command("EVALSHA", script.digest, len(keys), *keys, *args)

    async def run_each(self, name: str, calls: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Run a script that takes one key for each of several, in one round trip.

        Args:
            name: of the script; nobody waits for its answers.
            calls: the key of each, and its arguments.

        Raises:
            StateUnavailable: as for `command`.
        """
        script = SCRIPTS[name]
        wanted = [("EVALSHA", script.digest, 1, key, *args) for key, args in calls]
        answers = await self.attempts(wanted)
        if any(isinstance(one, exceptions.NoScriptError) for one in answers):
            if self._cluster is not None:
                wanted = [("EVAL", script.source, 1, key, *args) for key, args in calls]
            else:
                await self.command("SCRIPT", "LOAD", script.source)
            answers = await self.attempts(wanted)
        for answer in answers:
            if isinstance(answer, Exception):
                with translated():
                    raise answer
