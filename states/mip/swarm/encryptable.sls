# Without it an encrypted network looks well, and carries nothing between nodes.
{% from 'mip/map.jinja' import swarm with context -%}
include:
  - mip.host

mip-swarm-encryptable:
  mip_swarm_network.encryptable:
    - name: {{ swarm['network']['name'] | json }}
    - require:
      - mip_host: mip-host-verified
