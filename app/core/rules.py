"""Everything that is compiled of a playbook once, at start: rules, documents, prompts."""

import secrets

from app.core import prompts
from app.core.analysis.documents import Documents
from app.core.guided import GuidedInterviewer
from app.core.understanding.counting import Counted
from app.core.understanding.running import Understanding
from app.domain.playbook import Playbook
from app.llm.canary import Canary


class Rules:
    """A playbook, ready to be used."""

    def __init__(self, playbook: Playbook, counted: Counted | None = None) -> None:
        """Compile a playbook; `counted` is what an earlier start has counted of its words."""
        self.playbook = playbook
        self.understanding = Understanding(playbook, counted)
        self.guided = GuidedInterviewer(playbook, self.understanding)
        self.documents = Documents(playbook)
        secret = f"c{secrets.token_hex(8)}"
        self.canary = Canary(secret)
        """Stands in the prompts and nowhere else; an answer that has it gives a prompt away."""
        self.interview_system = {
            locale: prompts.interview_system(playbook, locale, secret)
            for locale in playbook.locales
        }
        self.analysis_system = {
            locale: prompts.analysis_system(playbook, locale, secret) for locale in playbook.locales
        }
        self.judge_system = {
            locale: prompts.judge_system(playbook, locale, secret) for locale in playbook.locales
        }
        self.report_system = {
            locale: prompts.report_system(playbook, locale, secret) for locale in playbook.locales
        }
