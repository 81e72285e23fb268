"""The records of all hosts, as Redis has them: those without the MAC of this fleet do not count."""

from __future__ import annotations

from typing import Mapping

from signaling_server.core.fleet.batch import Sign
from signaling_server.core.fleet.host_record import ForeignRecord, HostRecord, parse_record


class Register:
    """Writes and reads records with one secret."""

    def __init__(self, sign: Sign) -> None:
        self._sign = sign
        self.foreign: tuple[str, ...] = ()
        """Instances whose records did not count when they were read last."""

    @property
    def signed(self) -> bool:
        """Whether the fleet has a secret, so that a record can only be a host's own."""
        return bool(self._sign(""))

    def text(self, instance: str, record: HostRecord) -> str:
        """A record as it is stored."""
        return record.text(instance, self._sign)

    def read(self, texts: Mapping[str, str]) -> dict[str, HostRecord]:
        """The records that count, by instance."""
        good, foreign = {}, []
        for instance, text in texts.items():
            try:
                good[instance] = parse_record(text, instance, self._sign)
            except ForeignRecord:
                foreign.append(instance)
        self.foreign = tuple(sorted(foreign))
        return good

    @property
    def warnings(self) -> list[str]:
        """Sentences about records that do not count."""
        if not self.foreign:
            return []
        who = ", ".join(self.foreign)
        return [f"Redis has records with another fleet.secret_file than here: {who}: ignored"]
