"""What AI costs: rows priced, money set aside before calls, budgets, and the face of it all."""
