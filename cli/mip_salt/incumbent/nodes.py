"""Join what ssh config, inventory and vault say of each node.

The ssh config tells which nodes there are: id, address, user. The inventory joins to it by the worker's hostname,
only then by address, because its names (``worker10_0_0_3``) stay what they were when a machine moves (D12).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from mip_salt.federation.address import valid_address, valid_hostname
from mip_salt.federation.kinds import USER
from mip_salt.federation.node_ids import order_of
from mip_salt.incumbent.flaws import Flaws
from mip_salt.incumbent.hosts_ini import Host
from mip_salt.incumbent.ssh_config import Block
from mip_salt.incumbent.vault_values import Value
from mip_salt.printable import printable


@dataclass(frozen=True)
class Found:
    """One node that can be imported.

    hostname
        What the incumbent saw when it was configured, if that was written down.
    password
        Of the user, for login and sudo; None if the incumbent kept none that is usable.
    """

    id: str
    address: str
    port: int
    user: str
    hostname: str | None
    enabled: bool
    password: SecretStr | None = field(default=None, repr=False)


def join(
    blocks: Sequence[Block], hosts: Sequence[Host], values: Mapping[str, Value], config: Flaws, inventory: Flaws
) -> list[Found]:
    """Return the nodes, by id.

    values
        Of the vault; empty if it was not opened.
    config, inventory
        Take what does not fit, each of its file.
    """
    nodes: dict[str, Found] = {}
    matched: set[str] = set()
    for place, block in enumerate(blocks):
        node = _node(block, place, nodes, config)
        if node is None:
            continue
        host = _host(block, hosts, inventory) if node.id != "ui" else None
        if host:
            matched.add(host.name)
            node = _with_host(node, block, host, values, inventory)
        nodes[node.id] = node
    for host in hosts:
        if host.values and host.name not in matched:
            inventory.add(host.line, f"{host.name} is no node of the ssh config: not kept")
    return [nodes[name] for name in sorted(nodes, key=order_of)]


def _node(block: Block, place: int, nodes: Mapping[str, Found], flaws: Flaws) -> Found | None:
    """Return the node of a block, or None, told why."""
    shown = printable(" ".join(block.names), 60)
    if not block.id:
        flaws.add(block.line, f"Host {shown} does not say which node it is (ms, ui, wk1, …): not kept")
        return None
    if block.id in nodes:
        flaws.add(block.line, f"{block.id} stands twice: the first is kept")
        return None
    if block.id != ("ms", "ui")[place] if place < 2 else block.id != f"wk{place - 1}":
        flaws.add(block.line, f"{block.id} is not in mip's order, which counted nodes by their place; its name counts")
    missing = [keyword for keyword in ("Hostname", "User") if not block.value(keyword.lower())]
    if missing:
        flaws.add(block.line, f"{block.id} has no {' and no '.join(missing)}: not kept")
        return None
    try:
        address = valid_address(block.value("hostname"))
    except ValueError as err:
        flaws.add(block.values.get("hostname", ("", block.line))[1], f"{block.id}: {err}: not kept")
        return None
    twin = next((other.id for other in nodes.values() if other.address == address), None)
    port, user = block.value("port") or "22", block.value("user")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        flaws.add(block.values["port"][1], f"{block.id}: a port is a number from 1 to 65535: not kept")
        return None
    if twin and nodes[twin].port == int(port):
        flaws.add(block.line, f"{block.id} has the address of {twin}: not kept")
        return None
    if not USER.match(user):
        flaws.add(
            block.values.get("user", ("", block.line))[1], f"{block.id}: {printable(user, 40)!r} is no user: not kept"
        )
        return None
    return Found(
        block.id, address, int(port), user, _hostname(block.id, block.hostname, block.line, flaws), not block.disabled
    )


def _hostname(name: str, hostname: str, line: int, flaws: Flaws) -> str | None:
    if not hostname:
        return None
    try:
        return valid_hostname(hostname)
    except ValueError as err:
        flaws.add(line, f"{name} was {printable(hostname, 60)!r}; {err}: rename the machine before it can be a node")
        return None


def _host(block: Block, hosts: Sequence[Host], flaws: Flaws) -> Host | None:
    """Return the inventory's machine of a node: the master by its name, a worker by hostname, then by address."""
    if block.id == "ms":
        return next((host for host in hosts if host.name == "master"), None)
    name, address = block.hostname or block.id, block.value("hostname")
    for key, wanted in (("hostname", name), ("ansible_host", address)):
        found = [host for host in hosts if host.value(key) == wanted and host.name != "master"]
        if len(found) == 1:
            return found[0]
        for host in found:
            flaws.add(host.line_of(key), f"{host.name} has the {key} of another machine: not used for {block.id}")
    return None


def _with_host(node: Found, block: Block, host: Host, values: Mapping[str, Value], flaws: Flaws) -> Found:
    """Return a node with what the inventory adds."""
    told, line = host.value("ansible_host"), host.line_of("ansible_host")
    if not told:
        flaws.add(line, f"{host.name} has no ansible_host: Ansible could not reach {node.id}")
    elif told != node.address and _is_ip(node.address):
        flaws.add(line, f"Ansible went to {printable(told, 60)} for {node.id}, ssh to {node.address}: ssh's is kept")
    hostname = node.hostname
    if node.id != "ms" and not hostname and not block.hostname:
        hostname = _hostname(node.id, host.value("hostname"), host.line_of("hostname"), flaws)
    return Found(
        node.id, node.address, node.port, node.user, hostname, node.enabled, _password(node, host, values, flaws)
    )


def _is_ip(address: str) -> bool:
    return ":" in address or address.replace(".", "").isdigit()


def _password(node: Found, host: Host, values: Mapping[str, Value], flaws: Flaws) -> SecretStr | None:
    """Return the node's password; none that is another user's."""
    user = _value(host, "remote_user", values, flaws)
    login, sudo = (_value(host, key, values, flaws) for key in ("ansible_ssh_pass", "ansible_become_pass"))
    if login and user and user != node.user:
        flaws.add(
            host.line, f"the password of {node.id} is that of {printable(user, 40)}, not of {node.user}: not used"
        )
        return None
    if login and sudo and login != sudo:
        flaws.add(host.line, f"{node.id} has another password for sudo than for its login: the login's is used")
    given = login or sudo
    return SecretStr(given) if given else None


def _value(host: Host, key: str, values: Mapping[str, Value], flaws: Flaws) -> str:
    """Return a value that stands in the vault; or in the inventory itself, where a password is a leak."""
    reference = host.reference(key)
    if reference or not host.value(key):
        return values[reference].text if reference in values else ""
    if key.endswith("_pass"):
        flaws.add(host.line_of(key), f"the password of {host.name} stands here in clear: change it there", leak=True)
    return host.value(key)
