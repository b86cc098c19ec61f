"""How people write: folded words, numbers, dates, consent, phrases, slips of the pen."""
