# One file tells the whole federation: its nodes and its settings. The wizard (`mip-salt configure`), your hand and git
# all edit it; comments survive, and everything else in the federation's folder is generated from it. Plain YAML, no
# Jinja. `mip-salt schema federation` prints its JSON Schema, for editors.
#
# This example is federation brain, so it would be /opt/brain/pillar/federation.sls.
mip:
  # 1 to 32 of a-z, 0-9 and -; the name of its folder. In quotes if it is a number or a word like on.
  federation: brain

  # Which MIP and which exareme are installed. `mip-salt install` writes it, with the commits; write no commits by hand.
  versions: {mip: 7.1.0, exareme: 24.5.1}

  # One line a node. Its id tells its role: ms is the master, ui the ui, wk1, wk2, … the workers.
  #   role        master, ui or worker
  #   address     how this machine reaches it: a host name, an IPv4 or an IPv6 address
  #   port        of its SSH server; 22 if left out
  #   user        who logs in there; mipadmin if left out. root needs no sudo rule, but audit sees only root
  #   site        the hospital, as people call it; for your eyes
  #   bastion     id of the node through which this one is reached, if it is not reached straight
  #   hostname, machine_id
  #               what `configure` found there and you confirmed; every run compares. Never write them by hand:
  #               what counts stands in the vault. In quotes if all of it is digits
  #   enabled     false leaves the node out of every command; true if left out
  nodes:
    ms: {role: master, address: 10.0.0.11, hostname: brain-ms, machine_id: 104a81cbac7c46d7a67f2a2d8553ec55}
    ui: {role: ui, address: 10.0.0.12, user: root, hostname: brain-ui, machine_id: 5be1b26a3c1f4a07a2e3c1d09f6b7f10}
    wk1:
      role: worker
      site: CHUV
      address: 10.0.0.21
      port: 2222
      hostname: brain-wk1
      machine_id: 0c9f3d5e7a1b4c2d8e6f0a1b2c3d4e5f
    # At a hospital that lets nobody in but through one machine; and switched off until its disk is mended.
    wk2:
      role: worker
      site: Niguarda
      address: "fd00:8::21"
      bastion: wk1
      enabled: false

  # Only what differs from pillar/defaults.yaml; every setting is explained there.
  settings:
    deadline: 1800
    docker:
      daemon: {log-opts: {max-size: "10m", max-file: "3"}}
