"""First contact with a node that floods, hangs or chatters: it ends, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest
from integration.hosts import PASSWORD, USER, Host, contact, shell
from mip_salt.errors import Unreachable
from mip_salt.federation.folder import Folder
from mip_salt.ssh.channel import run
from mip_salt.ssh.facts import FACTS, shell_command
from mip_salt.ssh.first_contact import enrol
from mip_salt.ssh.login import login, session
from waiting import until

pytestmark = pytest.mark.lab


def test_an_endless_answer_is_cut(host: Host, folder: Folder) -> None:
    shell(host, "exec yes")
    with pytest.raises(Unreachable, match="more than 65536 bytes"):
        contact(folder, host, host.scan())
    assert until(lambda: not host.sh(f"pgrep -u {USER}", check=False))


def test_a_hanging_answer_ends_at_the_deadline(host: Host, folder: Folder) -> None:
    shell(host, "exec sleep 600")
    keys = host.scan()

    async def main() -> None:
        async with session(host.target, keys, password=PASSWORD) as conn:
            await run(conn, "wk1", shell_command(FACTS), timeout=1)

    with pytest.raises(Unreachable, match="no end of its answer in 1 s"):
        asyncio.run(main())


def test_start_up_noise_is_skipped(host: Host, folder: Folder) -> None:
    host.sh(f"sed -i '1i echo Welcome; echo \"to $(hostname)\"' /home/{USER}/.bashrc")
    assert contact(folder, host, host.scan()).facts.hostname == host.node.hostname


def test_a_stopped_enrolment_leaves_no_connection(host: Host, folder: Folder) -> None:
    shell(host, "exec sleep 600")
    keys = host.scan()

    async def main() -> None:
        conn = await login(host.target, keys, password=PASSWORD)
        conn.abort()
        public = folder.identity_public.read_text("utf-8")
        socket = str(folder.agent_socket)
        task = asyncio.ensure_future(
            enrol(host.target, keys, agent_path=socket, public_key=public, password=lambda: PASSWORD, progress=print)
        )
        running = await asyncio.to_thread(until, lambda: bool(host.sh(f"pgrep -u {USER} sleep", check=False)))
        assert running
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert until(lambda: not host.sh(f"ss -Htn state established dport = :{host.port}"))
    assert until(lambda: not host.sh(f"pgrep -u {USER} sshd", check=False))
