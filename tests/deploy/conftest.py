"""What the tests of a deployment share."""

import shutil

import pytest

from tests.support.prometheus import TOOLS


@pytest.fixture(scope="session")
def nginx() -> str:
    """Where nginx is; without it the test proves nothing."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("needs Debian's nginx")
    return found


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    """Where Prometheus is."""
    found = shutil.which(TOOLS["prometheus"])
    if found is None:
        pytest.skip("needs Debian's prometheus")
    return found
