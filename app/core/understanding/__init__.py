"""What rules alone understand of a case: danger, facts, the kind of problem, what is missing."""
