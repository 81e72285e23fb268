"""Tries what an attacker would try who had taken over the server; prints what worked, as JSON.

An ExecStartPre runs it in the service's own sandbox.
"""

import ctypes
import json
import os
import socket
import subprocess


def read_home():
    os.listdir("/home/operator")


def read_shadow():
    open("/etc/shadow").close()


def write_etc():
    open("/etc/hawkeye-signaling/conf.d/evil.yaml", "w").close()


def write_var():
    open("/var/tmp/../lib/evil", "w").close()


def write_own_code():
    open("/usr/share/hawkeye-signaling/evil.py", "w").close()


def become_root():
    os.setuid(0)


def run_a_setuid_program():
    identity = subprocess.run(["/bin/su", "-c", "id -u"], capture_output=True, timeout=5)
    if identity.stdout.strip() != b"0":
        raise PermissionError


def open_a_raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def open_a_packet_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


def make_a_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")


def see_other_processes():
    os.stat("/proc/1/status")


def change_the_host_name():
    socket.sethostname("evil")


attempts = (
    read_home,
    read_shadow,
    write_etc,
    write_var,
    write_own_code,
    become_root,
    run_a_setuid_program,
    open_a_raw_socket,
    open_a_packet_socket,
    make_a_namespace,
    see_other_processes,
    change_the_host_name,
)
could = []
for attempt in attempts:
    try:
        attempt()
    except OSError:
        continue
    could.append(attempt.__name__)
print("escape:", json.dumps({"tried": len(attempts), "could": could}), flush=True)
