"""Reports: figures become a report, and a report a page; nothing here reads or sends anything."""
