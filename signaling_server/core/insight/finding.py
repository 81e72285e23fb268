"""Something that is wrong, how bad it is, and what to do about it.

docs/troubleshooting.md explains each code, and quotes its sentence.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

ALARM, WARNING, NOTE = "alarm", "warning", "note"
SEVERITIES = (ALARM, WARNING, NOTE)
"""The worst first: no video until somebody acts; it may need somebody; good to know."""


class Finding(NamedTuple):
    """Something that is wrong."""

    code: str
    text: str
    peers: tuple[str, ...] = ()
    """The peers that the sentence is about."""
    stalls: bool = False
    """The two will not connect unless somebody changes something."""
    side: str = ""
    """The peer whose program or network has to change; empty: both, or not known."""
    level: str = ""
    """One of SEVERITIES, in place of what is usual for the code."""
    hint: str = ""
    """What to do, in place of what is usual for the code."""

    @property
    def severity(self) -> str:
        """One of SEVERITIES."""
        return self.level or (ALARM if self.stalls else ADVICE[self.code].severity)

    @property
    def advice(self) -> str:
        """What to do."""
        return self.hint or ADVICE[self.code].text


class Advice(NamedTuple):
    """How bad a finding is if it stalls nothing, and what to do."""

    severity: str
    text: str


_PATH = "Check firewalls and the network of both sides; a TURN server nearly always helps."

ADVICE: Mapping[str, Advice] = {
    # --- who is present
    "alone": Advice(
        NOTE, "Check that the other side is switched on and uses this server's address."
    ),
    "other-room": Advice(WARNING, "Compare the room at the end of both URLs (?room=...)."),
    "no-node": Advice(NOTE, "Start the Streaming Node, or check its room."),
    "crowded": Advice(WARNING, "Close the extra window or program, or give it another room."),
    "name-in-use": Advice(WARNING, "Stop one of the two, or give it another name (?name=...)."),
    "lost": Advice(WARNING, "Check its power, its radio link and its program."),
    "away": Advice(NOTE, "Wait: it reconnects by itself when its link is back."),
    "crashes-on-offer": Advice(
        ALARM, "Look at its log or the browser console: the error is in how it handles the offer."
    ),
    "keeps-leaving": Advice(WARNING, "Look at its log: its program ends, or its link is bad."),
    "refused": Advice(WARNING, "Correct the client as the sentence says."),
    # --- offer and answer
    "no-offer": Advice(WARNING, "Look at the Streaming Node's log: does it wait for its camera?"),
    "no-answer": Advice(WARNING, "Look at its log or browser console, and reload it."),
    "glare": Advice(NOTE, "Let only the Streaming Node offer."),
    "old-offer": Advice(WARNING, "Restart the Streaming Node."),
    "unreadable-sdp": Advice(WARNING, "Send the SDP as text in data.sdp, unchanged."),
    "incomplete-sdp": Advice(WARNING, "Send the SDP as RTCPeerConnection made it, unchanged."),
    # --- the path
    "no-candidates": Advice(WARNING, "Check its network, and that it sends its candidates."),
    "mdns-only": Advice(WARNING, "Allow the camera on the page, or configure TURN."),
    "needs-turn": Advice(NOTE, "Put both into one network or VPN, or configure a TURN server."),
    "blocked": Advice(
        WARNING, "Allow UDP in the firewalls; turn client isolation of the Wi-Fi off."
    ),
    "dtls-roles": Advice(WARNING, "Offer actpass, answer active: do not change a=setup."),
    "not-connected": Advice(WARNING, _PATH),
    "reported-failed": Advice(WARNING, _PATH),
    "reported-disconnected": Advice(WARNING, "Wait some seconds; then check the radio link."),
    "reported-closed": Advice(WARNING, "Reload its page, or restart its program."),
    "ice-restarts": Advice(WARNING, "Check its link and its log."),
    # --- the video
    "no-common-codec": Advice(WARNING, "Enable on one side a codec that the other side has."),
    "video-refused": Advice(WARNING, "Enable on one side a codec that the other side has."),
    "no-sender": Advice(WARNING, "Open the Streaming Node's camera before it offers."),
    "no-video": Advice(WARNING, "Check the Streaming Node's camera, and restart the node."),
    "no-frames": Advice(ALARM, "Check the camera of the Streaming Node."),
    "not-decoded": Advice(ALARM, "Choose a codec and a profile that both sides have."),
    "frozen": Advice(ALARM, "Check the camera and the radio link."),
    # --- unknown
    "since-restart": Advice(NOTE, "If there is no video, restart the Streaming Node."),
}
"""By code."""
