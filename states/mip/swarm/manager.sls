# The master holds the swarm, and the network that the federation's services talk over.
{% from 'mip/map.jinja' import swarm with context -%}
{% set network = swarm['network'] -%}
include:
  - mip.docker
  - mip.hosts
{%- if network['encrypted'] %}
  - mip.swarm.encryptable
{%- endif %}

mip-swarm-manager:
  mip_swarm.manager:
    - name: swarm
    - address: {{ swarm['address'] | json }}
    - require:
      - mip_docker: mip-docker-running
{%- if network['encrypted'] %}
      - mip_swarm_network: mip-swarm-encryptable
{%- endif %}

mip-swarm-network:
  mip_swarm_network.present:
    - name: {{ network['name'] | json }}
    - subnet: {{ network['subnet'] | json }}
    - gateway: {{ network['gateway'] | json }}
    - encrypted: {{ network['encrypted'] | json }}
    - mtu: {{ network['mtu'] | json }}
    - require:
      - mip_swarm: mip-swarm-manager
