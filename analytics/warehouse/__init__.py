"""The warehouse: what happened, kept for whoever counts it, once for each id.

`open_warehouse` gives the engine that a place names: Parquet files read and written with DuckDB, or
PostgreSQL. Both hold the same tables and the same views, and answer the same questions alike.
"""

from pathlib import Path

from analytics.warehouse.interface import (
    Erased,
    Outdated,
    Rows,
    TableStatus,
    Warehouse,
    WarehouseBusy,
    WarehouseError,
    Writer,
)

__all__ = [
    "Erased",
    "Outdated",
    "Rows",
    "TableStatus",
    "Warehouse",
    "WarehouseBusy",
    "WarehouseError",
    "Writer",
    "open_warehouse",
]


def open_warehouse(place: str | Path) -> Warehouse:
    """Open the warehouse at a place; nothing is read or made before it is used.

    Args:
        place: a folder, or `postgresql://…`.

    Raises:
        WarehouseError: if what the engine needs is not installed.
    """
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        from analytics.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(place)
    from analytics.warehouse.parquet import ParquetWarehouse

    return ParquetWarehouse(Path(place))
