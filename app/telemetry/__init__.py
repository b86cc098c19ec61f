"""What an installation tells about itself: metrics for Prometheus, traces for OpenTelemetry.

Whoever does something calls a method of `Metrics` or opens a span; nothing here decides anything.
"""
