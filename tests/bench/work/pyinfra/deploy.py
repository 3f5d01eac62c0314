"""The ten things by pyinfra; run by pyinfra itself, in its own environment."""

from io import StringIO

from pyinfra import config, host
from pyinfra.operations import apt, files, server

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL6DwaRvDnA19ffZAqoMoTYdWVyAEf9tvPwJDKs/84eD bench"

config.SUDO = True
server.hostname(name="Host", hostname=host.data.bench_hostname)
server.group(name="Group", group="bench")
server.user(name="User", user="bench", group="bench", home="/home/bench", shell="/bin/sh")
apt.packages(name="Packages", packages=["sudo", "procps"])
files.directory(name="Folder", path="/etc/bench", user="root", group="root", mode="755")
files.template(
    name="Config",
    src=host.data.bench_template,
    dest="/etc/bench/bench.conf",
    mode="644",
    id=host.name,
    peers=["one", "two", "three"],
)
files.put(name="Secret", src=StringIO(f"{host.data.bench_secret}\n"), dest="/etc/bench/secret", mode="600")
server.service(name="Service", service="ssh", running=True, enabled=True)
files.line(name="Peer", path="/etc/hosts", line=r"^192\.0\.2\.77\s.*", replace="192.0.2.77\t\tpeer.bench.example")
server.user_authorized_keys(name="Key", user="bench", public_keys=[KEY])
