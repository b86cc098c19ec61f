"""State: everything that is kept in Valkey or Redis, and the scripts that keep it consistent.

The only room that imports redis. Each write that matters is one server-side script, fenced by the
epoch of whoever owns the case, so that nothing acknowledged is lost and nothing happens twice.
"""
