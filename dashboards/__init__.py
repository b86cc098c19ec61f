"""Dashboards as code: what Grafana shows, and beside it what Prometheus and Alertmanager read."""
