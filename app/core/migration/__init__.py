"""Moving the conversations of the earlier system into this one.

`earlier` reads what it kept; `adopting` makes a case of it, with the rules' understanding; `moving`
goes through all of them, writes, verifies, and can undo it by its journal.
"""
