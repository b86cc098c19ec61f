"""Wrong clocks: processes that take another time for the right one, by Debian's `faketime`."""

from pathlib import Path

_LIBRARY = "faketime/libfaketimeMT.so.1"


def library() -> Path | None:
    """Return the library that makes a process's clock wrong, if it is installed."""
    return next(Path("/usr/lib").glob(f"**/{_LIBRARY}"), None)


def wrong_clock(seconds: int, told_in: Path | None = None) -> dict[str, str]:
    """Return the environment of a process whose clock is so many seconds ahead, or behind.

    Clocks that only measure spans stay right, as they do where somebody sets a machine's time.

    Args:
        seconds: how much ahead it is.
        told_in: a file from which it is read again and again; see `set_clock`.
    """
    found = library()
    assert found is not None
    shift = {"FAKETIME": f"{seconds:+d}"}
    if told_in is not None:
        set_clock(told_in, seconds)
        shift = {"FAKETIME_TIMESTAMP_FILE": str(told_in), "FAKETIME_CACHE_DURATION": "1"}
    return {"LD_PRELOAD": str(found), "FAKETIME_DONT_FAKE_MONOTONIC": "1"} | shift


def set_clock(told_in: Path, seconds: int) -> None:
    """Set a clock that is told in a file so many seconds ahead."""
    told_in.write_text(f"{seconds:+d}\n")
