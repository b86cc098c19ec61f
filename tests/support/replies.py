"""What a model answers in the tiny playbook, as it comes over the wire."""

from typing import Any

import msgspec


def turn_document(
    reply: str,
    *,
    slots: dict[str, str] | None = None,
    message: int = 1,
    candidates: dict[str, float] | None = None,
    complexity: str = "low",
    signals: tuple[str, ...] = (),
    red_flags: tuple[str, ...] = (),
    asking: str = "none",
    done: bool = False,
) -> dict[str, Any]:
    """Return the document of a turn."""
    found = {"plumbing.leak": 0.9} if candidates is None else candidates
    return {
        "reply": reply,
        "assessment": {
            "slots": [
                {"slot": name, "value": value, "message": message}
                for name, value in (slots or {}).items()
            ],
            "candidates": [{"code": c, "confidence": share} for c, share in found.items()],
            "complexity": complexity,
            "signals": list(signals),
            "confidence": max(found.values(), default=0.0),
            "red_flags": list(red_flags),
            "asking": asking,
            "done": done,
        },
    }


def analysis_document(**changes: Any) -> dict[str, Any]:
    """Return the document of an analysis, with these members changed."""
    return {
        "candidates": [{"code": "plumbing.leak", "confidence": 0.9}],
        "urgency": "medium",
        "urgency_reason": "Water runs.",
        "deadline": "",
        "parties": [{"role": "neighbour", "name": "Zeca"}],
        "chronology": [{"when": "yesterday", "what": "It began to drip.", "message": 1}],
        "requests": ["A plumber."],
        "documents": ["Pictures."],
        "viability": {
            "level": "high",
            "strengths": ["There are pictures."],
            "weaknesses": [],
            "rationale": "It is plain to see.",
        },
        "next_steps": ["Shut the water off.", "Call a plumber."],
        "plain": "Your ceiling drips.",
        "professional": "Leak above the bathroom.",
        **changes,
    }


def verdict_document(code: str, why: str, confidence: float = 0.8) -> dict[str, Any]:
    """Return the document of a judge's verdict."""
    return {"justification": why, "verdict": code, "confidence": confidence}


def report_document(**changes: Any) -> dict[str, Any]:
    """Return the document of a report, with these members changed."""
    left_out = {"candidates", "urgency", "urgency_reason", "deadline"}
    document = analysis_document(plain="A report.", professional="A detailed report.")
    return {name: one for name, one in document.items() if name not in left_out} | changes


def text(document: dict[str, Any]) -> str:
    """Return a document as the compact text that a provider streams."""
    return msgspec.json.encode(document).decode()
