"""Make a federation run as the incumbent does: the commands that its playbooks and its `mip` give, on the lab's nodes.

Written from what they do (facts of mip 6.5.1 and exareme 24.5.1): Init-Swarm, Join-Workers, Start-Exareme, and the web
front end's compose project with exported variables.
"""

import io
import tarfile

HOME, UI = "/opt/mip", "/opt/mip-deployment"


def put(node, folder, files):
    """Write files, by their path below a folder."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    node.run(f"mkdir -p {folder} && tar -xf - -C {folder}", stdin=held.getvalue())


def init_swarm(master, compose_files, encrypted):
    """Do what Init-Swarm does on the master."""
    option = "--opt encrypted" if encrypted else ""
    master.run(
        f"docker swarm init --advertise-addr={master.address} && "
        f"docker network create --driver overlay {option} --subnet 10.20.30.0/24 --ip-range 10.20.30.0/24 "
        "--gateway 10.20.30.254 mip-federation && "
        f"docker node update --label-add name={master.hostname} {master.hostname} && mkdir -p {HOME}"
    )
    put(master, f"{HOME}/Compose-Files", compose_files)


def join_worker(master, worker):
    """Do what Join-Workers does for one worker."""
    token = master.run("docker swarm join-token --quiet worker").strip()
    worker.run(
        f"docker swarm leave --force; mkdir -p /data/brain; docker swarm join --token {token} {master.address}:2377"
    )
    master.run(f"docker node update --label-add name={worker.hostname} {worker.hostname}")


def start_exareme(master, hostname, role, image, keystore):
    """Do what Start-Exareme does for one node."""
    env = {
        "FEDERATION_NODE": hostname,
        "FEDERATION_ROLE": role,
        "EXAREME_IMAGE": image,
        "EXAREME_KEYSTORE": keystore,
        "DOCKER_DATA_FOLDER": "/root/exareme/data/",
        "LOCAL_DATA_FOLDER": "/data/brain/",
    }
    words = " ".join(f"{name}={value}" for name, value in env.items())
    file = f"{HOME}/Compose-Files/docker-compose-{role}.yml"
    master.run(f"mkdir -p /data/brain; {words} docker stack deploy -c {file} {hostname}")


def start_ui(ui, mip_files, variables):
    """Do what `mip start` does on the ui node."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    put(ui, UI, {**mip_files, ".mipenv": lines})
    ui.run(
        f"cd {UI}/Federation && mkdir -p logs .stored_data && chmod 0777 logs .stored_data && "
        "set -a && . ../.versions_env && . ../.mipenv && docker-compose -p mipfederation up -d"
    )
