"""`hawkeye-signaling check-config`: reports all mistakes, as the service would find them.

root may read everything, and sees what the unit's sandbox hides. So for root, the service's own
configuration is checked by a process with the service's user and groups.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, Sequence

from signaling_server.appliance import config_files, service_user
from signaling_server.core.config.doors import refuse_nobody
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.network_types import remarks
from signaling_server.core.config.permissions import hidden, hidden_text
from signaling_server.core.config.schema import Config
from signaling_server.errors import Complaint, ConfigError


def check(load: Callable[[], Loaded], path: str | None, instance: str) -> int:
    """Report on what `load` reads, the configuration of the file `path` or of the instance."""
    who = service_user.identity(instance) if _is_the_services(path, instance) else None
    if who is None:
        return _report(load, ())
    hides = who.hides

    def as_the_service() -> int:
        try:
            return _report(load, hides)
        except ConfigError as error:
            print(error, file=sys.stderr)
            return os.EX_CONFIG

    return service_user.run_as(who, as_the_service)


def _is_the_services(path: str | None, instance: str) -> bool:
    if os.geteuid() != 0:
        return False
    main = os.path.realpath(config_files.main_file(path, instance))
    return main.startswith(os.path.dirname(config_files.DEFAULT) + "/")


def _report(load: Callable[[], Loaded], hides: Sequence[str]) -> int:
    from signaling_server.appliance import remembered

    loaded = load()
    _refuse_hidden(loaded, hides)
    if remembered.file():
        refuse_nobody(loaded)
    for remark in loaded.remarks:
        print(f"warning: {remark}")
    for remark in remarks(loaded.config.socketio.cors_allowed_origins):
        print(f"note: {remark}")
    if not remembered.file():  # in the service, the server asks them itself
        from signaling_server.cli import ice_notes

        for note in ice_notes.notes(loaded):
            print(f"note: {note}")
    print("the configuration is fine")
    return 0


def _refuse_hidden(loaded: Loaded, hides: Sequence[str]) -> None:
    """Raise ConfigError for each file that this process can read and the service cannot see."""
    complaints = []
    for file in (*loaded.files, *named_files(loaded.config)):
        folder = hidden(os.path.realpath(file), hides)
        if folder:
            complaints.append(Complaint(file, 0, 0, hidden_text(folder)))
    if complaints:
        raise ConfigError(complaints)


def named_files(config: Config) -> list[str]:
    """The files that a configuration names."""
    named = (
        config.auth.tokens_file,
        config.turn.secret_file,
        config.tls.certificate,
        config.tls.private_key,
        config.fleet.password_file,
        config.fleet.ca_file,
        config.fleet.secret_file,
    )
    return [file for file in named if file]
