"""HTTP: controllers, streams, credentials and problem details.

A handler reads the request, calls the core or the conversations, and returns the value. Nothing
here talks to Valkey or to a provider directly.
"""
