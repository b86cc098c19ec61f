"""The triage application: hears people out, keeps what they said, and says what to do next."""
