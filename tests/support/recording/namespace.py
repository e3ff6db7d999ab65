"""A network of one's own in which every packet to somewhere else is noted, also those that no Python sends.

`python namespace.py RECORD COMMAND...` runs a command and ends as it does; it is to be started by `UNSHARE`. All
addresses are those of the loopback device: what asks there is refused at once, and seen.
"""

import ipaddress
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

#: Starts a command in a network and with mounts of its own.
UNSHARE = ("unshare", "--map-root-user", "--net", "--mount")

_ALL_PROTOCOLS, _OUTGOING = 0x0003, 4  # ETH_P_ALL, PACKET_OUTGOING
_IPV4, _IPV6 = 0x0800, 0x86DD
_DNS = 53
#: A network whose addresses are nobody's (RFC 5737).
_OWN, _NAME_SERVER = "192.0.2.1/32", "192.0.2.53"

_NETWORK = (
    ("link", "set", "lo", "up"),
    ("address", "add", _OWN, "dev", "lo"),
    ("route", "add", "local", "default", "dev", "lo"),
)
_SETTINGS = {
    "/etc/resolv.conf": f"nameserver {_NAME_SERVER}\noptions timeout:1 attempts:1\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",  # some systems ask a service through a file, which is no network
}


def why_not() -> str | None:
    """Returns why this machine gives no network of one's own, None if it does."""
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return "a network of one's own needs Linux and the commands unshare, ip and mount"
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    return f"this machine allows no network of one's own: {tried.stderr.strip()}" if tried.returncode else None


def _make_network(folder: Path) -> None:
    for arguments in _NETWORK:
        subprocess.run(["ip", *arguments], check=True)
    for name, content in _SETTINGS.items():
        if Path(name).exists():
            (folder / Path(name).name).write_text(content)
            subprocess.run(["mount", "--bind", folder / Path(name).name, name], check=True)


def _sent(packet: bytes, protocol: int) -> str | None:
    """Returns where a packet goes that leaves this machine, or that asks for a name; None for others."""
    if protocol == _IPV4:
        kind, to, payload = packet[9], ipaddress.ip_address(packet[16:20]), packet[4 * (packet[0] & 15) :]
    elif protocol == _IPV6:
        kind, to, payload = packet[6], ipaddress.ip_address(packet[24:40]), packet[40:]
    else:
        return None
    carries_port = kind in {socket.IPPROTO_TCP, socket.IPPROTO_UDP}
    port = int.from_bytes(payload[2:4]) if carries_port else None
    if port == _DNS:
        return f"name asked for: {_asked(payload[20:])}" if kind == socket.IPPROTO_UDP else "name asked for, by TCP"
    return None if to.is_loopback or to.is_multicast or not carries_port else f"{to}, port {port}"


def _asked(question: bytes) -> str:
    """Returns the name in a question to a name server."""
    labels = []
    while question and question[0]:
        labels.append(question[1 : 1 + question[0]].decode(errors="replace"))
        question = question[1 + question[0] :]
    return ".".join(labels)


def _listen(device: socket.socket, record: Path) -> None:
    while True:
        packet, (_, protocol, direction, *_) = device.recvfrom(2048)
        # Of each packet on the loopback device there is one that goes and one that comes.
        if direction == _OUTGOING and (to := _sent(packet, protocol)) and not _refuses(packet, protocol):
            with record.open("a") as stream:
                stream.write(json.dumps({"event": "packet", "host": to}) + "\n")


def _refuses(packet: bytes, protocol: int) -> bool:
    """Returns whether a packet is the answer of this machine to one that was sent: TCP's reset."""
    return protocol == _IPV4 and packet[9] == socket.IPPROTO_TCP and bool(packet[4 * (packet[0] & 15) + 13] & 4)


def main(record: Path, command: list[str]) -> int:
    """Runs a command in the network that it makes; returns its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        _make_network(Path(folder))
        device = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        device.bind(("lo", _ALL_PROTOCOLS))
        threading.Thread(target=_listen, args=(device, record), daemon=True).start()
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
