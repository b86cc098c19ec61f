"""Decides by a set of flags who gets what: GrowthBook's client, without its network.

The client is given no key and no host, so that it has no transport of its own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from growthbook import GrowthBookClient, Options, UserContext
from growthbook.common_types import FeatureResult
from msgspec import Struct

from app.core.assigning import Assigned, Subject
from app.domain.assignment import CONVERSATIONAL, VARIANTS, Assignment
from app.domain.errors import FlagsInvalid
from plugins.flags.payload import PERSON, Payload
from plugins.flags.sticky import StickyBuckets

FEATURE = "intelligent_triage_v2"
"""The feature whose value is the variant of a case."""

_log = structlog.get_logger(__name__)


class Counts(Struct):
    """What this instance has decided since it started."""

    assigned: int = 0
    """Somebody was given a variation of an experiment."""
    outside: int = 0
    """Somebody takes part in no experiment: not covered, not targeted, or none is on."""
    nameless: int = 0
    """The frontend named no person, so that nobody could be assigned."""
    unusable: int = 0
    """The flag's value is no variant, or deciding failed; the default was given."""


class Prepared(NamedTuple):
    """Flags that were tried, and the client that decides by them."""

    payload: Payload
    client: GrowthBookClient


class Evaluator:
    """The flags that are live in this process, and what they decide."""

    def __init__(
        self,
        payload: Payload,
        sticky: StickyBuckets | None = None,
        *,
        decryption_key: str | None = None,
    ) -> None:
        """Begin with these flags; `use` takes others.

        Args:
            payload: the flags to begin with.
            sticky: keeps who got what, across changes of weights; None forgets at once.
            decryption_key: for payloads that GrowthBook encrypts.
        """
        self._sticky = sticky
        self._decryption_key = decryption_key
        self._live: Prepared | None = None
        self._first = payload
        self.counts = Counts()

    @property
    def payload(self) -> Payload:
        """The flags that are live."""
        return self._first if self._live is None else self._live.payload

    async def use(self, payload: Payload) -> None:
        """Let these flags decide from now on.

        Raises:
            FlagsInvalid: they cannot be evaluated; the ones before stay live.
        """
        self.go(await self.prepare(payload))

    async def prepare(self, payload: Payload) -> Prepared:
        """Make flags ready to decide: every feature is evaluated once, for nobody.

        Raises:
            FlagsInvalid: one of them cannot be evaluated.
        """
        try:
            trial = await self._client(payload, sticky=None)
            features = trial.reduce_payload().get("features") or {}
            for name in features:
                await trial.eval_feature(name, UserContext(attributes={PERSON: "0" * 32}))
            live = await self._client(payload, self._sticky)
        except Exception as error:  # whatever flags do to the client: they are not ours
            raise FlagsInvalid(f"they cannot be evaluated: {error!r}") from error
        if not features and "encryptedFeatures" in payload.content:
            raise FlagsInvalid("they are encrypted, and TRIAGE_GROWTHBOOK_DECRYPTION_KEY fails")
        return Prepared(payload, live)

    def go(self, prepared: Prepared) -> None:
        """Let flags that were prepared decide from now on."""
        if self._sticky is not None:
            self._sticky.units = prepared.payload.units
        self._live = prepared

    async def evaluate(
        self, feature: str, attributes: Mapping[str, Any], forced: Mapping[str, int] | None = None
    ) -> FeatureResult[Any]:
        """Return what somebody with these attributes gets of a feature, as GrowthBook tells it.

        Args:
            feature: its key.
            attributes: what is known of somebody.
            forced: the number of the variation to give, by the key of the experiment.
        """
        live = self._live
        if live is None:
            live = await self.prepare(self._first)
            self.go(live)
        somebody = UserContext(attributes=dict(attributes), forced_variations=dict(forced or {}))
        return await live.client.eval_feature(feature, somebody)

    async def assign(self, subject: Subject) -> Assigned:
        """Decide which product somebody gets; see `app.core.assigning.Assigner`."""
        payload = self.payload
        attributes = {
            **subject.attributes,
            "playbook": subject.playbook,
            "locale": subject.locale,
        }
        attributes.pop(PERSON, None)
        if subject.person is None:
            self.counts.nameless += 1
        else:
            attributes[PERSON] = subject.person
        try:
            result = await self.evaluate(FEATURE, attributes)
        except Exception as error:  # noqa: BLE001 -- an experiment never keeps anybody out
            self.counts.unusable += 1
            _log.warning("flags.not_evaluated", flags=payload.hash, error=repr(error))
            return Assigned(variant=CONVERSATIONAL)
        if result.value not in VARIANTS:
            self.counts.unusable += 1
            return Assigned(variant=CONVERSATIONAL)
        decided = result.experimentResult
        if result.experiment is None or decided is None or not decided.inExperiment:
            self.counts.outside += subject.person is not None
            return Assigned(variant=str(result.value))
        if subject.person is None:  # hashed by something else that the frontend said
            return Assigned(variant=str(result.value))
        self.counts.assigned += 1
        return Assigned(
            variant=str(result.value),
            assignment=Assignment(
                experiment=str(result.experiment.key),
                variation=str(decided.key),  # flags may say 1 where they mean "1"
                person=subject.person,
                flags=payload.hash,
            ),
        )

    async def close(self) -> None:
        """Let what is still being kept of assignments be kept."""
        if self._live is not None:
            await self._live.client.flush_sticky_bucket_saves()

    async def _client(self, payload: Payload, sticky: StickyBuckets | None) -> GrowthBookClient:
        client = GrowthBookClient(
            Options(
                refresh_strategy=None,
                sticky_bucket_service=sticky,
                decryption_key=self._decryption_key,
            )
        )
        await client.set_payload(payload.content)
        return client
