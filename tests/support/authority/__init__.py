"""Time stamp authorities for tests: `openssl ts` behind HTTP on loopback, and one whose clock is set by the test."""

from tests.support.authority.clocked import ClockedAuthority
from tests.support.authority.keys import Keys, test_keys
from tests.support.authority.loopback import Loopback, loopback

__all__ = ["ClockedAuthority", "Keys", "Loopback", "loopback", "test_keys"]
