"""What the routes of the flags take and return."""

from typing import Annotated

from msgspec import Meta, Struct


class VariationView(Struct, kw_only=True):
    """One of an experiment's variations."""

    key: Annotated[str, Meta(description="What events know it as.")]
    name: Annotated[str, Meta(description="What people call it.")]
    weight: Annotated[float | None, Meta(description="Its share of those who take part.")]


class ExperimentView(Struct, kw_only=True):
    """An experiment that a feature's rules run."""

    key: Annotated[str, Meta(description="Its tracking key.")]
    name: Annotated[str, Meta(description="What people call it.")]
    coverage: Annotated[float, Meta(description="The share of people who take part.")]
    hash_attribute: Annotated[str, Meta(description="What is hashed: the unit of randomisation.")]
    variations: Annotated[list[VariationView], Meta(description="In the order of the flags.")]


class FeatureView(Struct, kw_only=True):
    """A feature as it is live."""

    key: Annotated[str, Meta(description="Its key.")]
    default: Annotated[str, Meta(description="What it is where no rule applies, as JSON.")]
    rules: Annotated[int, Meta(description="How many rules it has.")]
    experiments: Annotated[list[ExperimentView], Meta(description="Those that its rules run.")]


class CountsView(Struct, kw_only=True):
    """What this instance has decided since it started."""

    assigned: Annotated[int, Meta(description="Cases given a variation of an experiment.")]
    outside: Annotated[int, Meta(description="Cases of people in no experiment.")]
    nameless: Annotated[
        int, Meta(description="Cases whose `user_ref` was missing, so that they are in none.")
    ]
    unusable: Annotated[
        int, Meta(description="Cases given the default, since the flag was of no use.")
    ]


class FlagsView(Struct, kw_only=True):
    """The flags that are live in this instance."""

    hash: Annotated[str, Meta(description="Names the flags; equal in all instances.")]
    source: Annotated[str, Meta(description="`shipped`, `file`, `poll` or `webhook`.")]
    at: Annotated[int, Meta(description="When they came: Unix time in ms; 0 if shipped.")]
    updated: Annotated[str, Meta(description="When GrowthBook changed them; may be empty.")]
    features: Annotated[list[FeatureView], Meta(description="Every feature.")]
    counts: Annotated[CountsView, Meta(description="Since this instance started.")]


class HookData(Struct, kw_only=True):
    """What a webhook carries."""

    payload: Annotated[
        str,
        Meta(
            description="The flags as SDKs get them: a JSON object, as a text.",
            examples=['{"features": {}}'],
        ),
    ]


class GrowthBookHook(Struct, kw_only=True):
    """An SDK webhook as GrowthBook sends it; members besides these are passed over."""

    data: Annotated[HookData, Meta(description="What it carries.")]


class FlagsTaken(Struct, kw_only=True):
    """The flags of a webhook were taken."""

    hash: Annotated[str, Meta(description="Names the flags that came.")]
