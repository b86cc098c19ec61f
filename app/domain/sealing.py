"""Sealing what a case holds: a key of its own, wrapped by one of a ring of master keys.

    master key  --wraps-->  key of a case (`dk`)  --seals-->  every value of the case

Whoever has the storage and not the ring reads nothing. Without its wrapped key, a case is lost to
everybody: that is how erasing reaches copies of its values. Another master only wraps the keys of
cases anew; what they seal stays as it is.

A sealed value is `C1`, its form, its schema version, a nonce, and what AES-GCM makes of it. What is
bound to it, so that it opens in no other place: these first three bytes, what kind of value it is,
and the case. Msgpack never begins with `C1`, nor does JSON: plain values of earlier versions are
told from sealed ones by that.
"""

import base64
import hmac
import os
import secrets

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from app.domain.errors import InvalidInput, MasterUnknown, StateDamaged, StateTooNew
from app.domain.sealing_frames import FRAMES

KEY_BYTES = 32
_SEALED = 0xC1
_PLAIN, _PRESSED = 1, 2
"""Forms: as it is; compressed with the frames."""
_HEAD, _NONCE, _TAG = 3, 12, 16
_WORTH_PRESSING = 64
_LEVEL = 1
_LARGEST = 64 << 20
"""No value is larger; a damaged one does not take all memory."""
_WRAPPED = 1
_ID_BYTES = 4
_WRAPPED_BYTES = 1 + _ID_BYTES + _NONCE + KEY_BYTES + _TAG

_frames = zstandard.ZstdCompressionDict(FRAMES, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
_frames.precompute_compress(level=_LEVEL)
_press = zstandard.ZstdCompressor(
    level=_LEVEL, dict_data=_frames, write_checksum=False, write_dict_id=False
).compress
_unpress = zstandard.ZstdDecompressor(dict_data=_frames).decompress


class MasterKey(Struct, frozen=True):
    """A key that wraps the keys of cases."""

    id: str
    """Eight hexadecimal digits; no secret."""
    key: bytes

    def __repr__(self) -> str:
        """Show which one it is, and nothing of it."""
        return f"MasterKey({self.id})"

    def fingerprint(self) -> str:
        """Return what tells this key from any other, and nothing of it."""
        return hmac.digest(self.key, b"triage master fingerprint", "sha256").hex()[:32]

    def line(self) -> str:
        """Return the key as the file of the ring holds it, without a line end."""
        return f"{self.id}:{base64.b64encode(self.key).decode()}"


def new_master() -> MasterKey:
    """Make a master key."""
    return MasterKey(secrets.token_hex(_ID_BYTES), secrets.token_bytes(KEY_BYTES))


class MasterRing:
    """The master keys that a process has; in a new storage, the first wraps."""

    def __init__(self, masters: tuple[MasterKey, ...]) -> None:
        """Take the keys.

        Raises:
            InvalidInput: if there is none, or two have the same id.
        """
        self.masters = {one.id: one for one in masters}
        if not masters or len(self.masters) < len(masters):
            raise InvalidInput("a ring of master keys needs one at least, each with its own id")
        self.first = masters[0]
        self._ciphers = {one.id: AESGCM(one.key) for one in masters}

    def wrap(self, case_id: str, key: bytes, master: str) -> bytes:
        """Wrap the key of a case by a master of this ring."""
        head = bytes([_WRAPPED]) + bytes.fromhex(master)
        nonce = os.urandom(_NONCE)
        return head + nonce + self._ciphers[master].encrypt(nonce, key, _of_key(head, case_id))

    def unwrap(self, case_id: str, wrapped: bytes) -> bytes:
        """Return the key of a case.

        Raises:
            MasterUnknown: if none of these wraps it.
            StateDamaged: if it is not what was written for this case.
        """
        master = master_of(wrapped)
        cipher = self._ciphers.get(master)
        if cipher is None:
            raise MasterUnknown(f"its key is wrapped by master {master}, which is not in the ring")
        head, nonce = wrapped[: 1 + _ID_BYTES], wrapped[1 + _ID_BYTES : 1 + _ID_BYTES + _NONCE]
        try:
            return cipher.decrypt(nonce, wrapped[len(head) + _NONCE :], _of_key(head, case_id))
        except InvalidTag:
            raise StateDamaged(f"the key of {case_id or 'the installation'}") from None


def read_ring(text: str) -> MasterRing:
    """Read a ring: a key on each line, `id:base64`.

    Raises:
        InvalidInput: naming the line that is none, and nothing of what is on it.
    """
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if (master := _master(line.strip())) is None:
            raise InvalidInput(
                f"line {number} is no master key: eight hexadecimal digits, a colon, and"
                f" {KEY_BYTES} bytes in base64"
            )
        found.append(master)
    return MasterRing(tuple(found))


def _master(line: str) -> MasterKey | None:
    name, _, encoded = line.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
        fits = len(bytes.fromhex(name)) == _ID_BYTES and len(key) == KEY_BYTES
    except ValueError:
        return None
    return MasterKey(name.lower(), key) if fits else None


def master_of(wrapped: bytes) -> str:
    """Return the id of the master that wraps a key.

    Raises:
        StateDamaged: if it is no wrapped key.
    """
    if len(wrapped) != _WRAPPED_BYTES or wrapped[0] != _WRAPPED:
        raise StateDamaged("a wrapped key")
    return wrapped[1 : 1 + _ID_BYTES].hex()


class CaseKey:
    """The key of one case: seals and opens its values. Not for several threads at once."""

    __slots__ = ("_case", "_cipher", "_key", "case_id", "wrapped")

    def __init__(self, case_id: str, key: bytes, wrapped: bytes) -> None:
        """Take the key, and how it stands in the storage."""
        self.case_id = case_id
        self.wrapped = wrapped
        self._key = key
        self._case = case_id.encode("utf-8", "surrogateescape")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        """Show whose it is, and nothing of it."""
        return f"CaseKey({self.case_id!r})"

    def seal(self, kind: bytes, plain: bytes, schema: int = 1) -> bytes:
        """Seal a value of a kind; small if that can be had cheaply."""
        form = _PLAIN
        if len(plain) >= _WORTH_PRESSING:
            pressed = _press(plain)
            if len(pressed) < len(plain):
                form, plain = _PRESSED, pressed
        head = bytes((_SEALED, form, schema))
        nonce = os.urandom(_NONCE)
        return head + nonce + self._cipher.encrypt(nonce, plain, self._bound(head, kind))

    def open(self, kind: bytes, data: bytes, schema: int = 1) -> bytes:
        """Open a value of a kind; a plain one is returned as it is.

        Args:
            kind: what it must be.
            data: as it was kept.
            schema: the latest version of it that is understood.

        Raises:
            StateTooNew: a newer version has written it.
            StateDamaged: it is not what was sealed as this kind for this case.
        """
        if not is_sealed(data):
            return data
        head = data[:_HEAD]
        if len(data) < _HEAD + _NONCE + _TAG:
            raise StateDamaged(_named(kind, self.case_id))
        _, form, version = head
        if version > schema or form > _PRESSED:
            raise StateTooNew(f"{kind.decode()} {version}, sealed in form {form}")
        try:
            plain = self._cipher.decrypt(
                data[_HEAD : _HEAD + _NONCE], data[_HEAD + _NONCE :], self._bound(head, kind)
            )
        except InvalidTag:
            raise StateDamaged(_named(kind, self.case_id)) from None
        try:
            return _unpress(plain, max_output_size=_LARGEST) if form == _PRESSED else plain
        except zstandard.ZstdError:
            raise StateDamaged(_named(kind, self.case_id)) from None

    def digest(self, purpose: bytes, text: bytes) -> str:
        """Return a digest that nobody can check a guess against who has not this key."""
        ours = hmac.digest(self._key, b"triage digest " + purpose, "sha256")
        return hmac.digest(ours, text, "sha256").hex()

    def rewrapped(self, ring: MasterRing, master: str) -> "CaseKey":
        """Return the same key, wrapped by another master."""
        return CaseKey(self.case_id, self._key, ring.wrap(self.case_id, self._key, master))

    def _bound(self, head: bytes, kind: bytes) -> bytes:
        return head + kind + b"\0" + self._case


def new_case_key(ring: MasterRing, case_id: str, master: str) -> CaseKey:
    """Make a key for a case."""
    key = secrets.token_bytes(KEY_BYTES)
    return CaseKey(case_id, key, ring.wrap(case_id, key, master))


def is_sealed(data: bytes) -> bool:
    r"""Say whether a stored value is sealed; those of earlier versions are not.

    >>> is_sealed(b"\xc1\x01\x01..."), is_sealed(b'{"type": "delta"}'), is_sealed(b"")
    (True, False, False)
    """
    return data[:1] == b"\xc1"


def _of_key(head: bytes, case_id: str) -> bytes:
    return b"triage case key\0" + head + case_id.encode("utf-8", "surrogateescape")


def _named(kind: bytes, case_id: str) -> str:
    return f"{kind.decode()} of {case_id or 'the installation'}"
