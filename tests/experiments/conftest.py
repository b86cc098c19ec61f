"""Warehouses of both engines."""

from tests.warehouse.conftest import empty_postgres, place, postgres, warehouse

__all__ = ["empty_postgres", "place", "postgres", "warehouse"]
