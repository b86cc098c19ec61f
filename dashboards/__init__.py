"""Dashboards and alerts as code; empty until metrics arrive."""
