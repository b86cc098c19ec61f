"""What flags are, for people to read."""

from typing import Any

import msgspec

from app.api.flags_schema import ExperimentView, FeatureView, VariationView


def features_of(content: dict[str, Any]) -> list[FeatureView]:
    """Return what a payload's features are, for people to read."""
    return [
        FeatureView(
            key=key,
            default=msgspec.json.encode(feature.get("defaultValue")).decode(),
            rules=len(feature.get("rules") or []),
            experiments=[
                _experiment(key, rule) for rule in feature.get("rules") or [] if _runs(rule)
            ],
        )
        for key, feature in sorted(content.get("features", {}).items())
    ]


def _runs(rule: object) -> bool:
    return isinstance(rule, dict) and isinstance(rule.get("variations"), list)


def _experiment(feature: str, rule: dict[str, Any]) -> ExperimentView:
    variations, weights = rule["variations"], rule.get("weights") or []
    metas = rule.get("meta") or []

    def said(index: int, name: str, otherwise: str) -> str:
        meta = metas[index] if index < len(metas) and isinstance(metas[index], dict) else {}
        return str(meta.get(name) or otherwise)

    return ExperimentView(
        key=str(rule.get("key") or feature),
        name=str(rule.get("name") or rule.get("key") or feature),
        coverage=float(rule.get("coverage", 1.0)),
        hash_attribute=str(rule.get("hashAttribute") or "id"),
        variations=[
            VariationView(
                key=said(index, "key", str(index)),
                name=said(index, "name", str(value)),
                weight=float(weights[index]) if index < len(weights) else None,
            )
            for index, value in enumerate(variations)
        ],
    )
