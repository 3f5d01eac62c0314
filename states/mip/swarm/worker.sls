# A worker joins when a run of mip-salt hands it the key; else it is verified.
{% from 'mip/map.jinja' import swarm with context -%}
include:
  - mip.docker
  - mip.hosts
{%- if swarm['network']['encrypted'] %}
  - mip.swarm.encryptable
{%- endif %}

mip-swarm-joined:
  mip_swarm.joined:
    - name: swarm
    - manager: {{ swarm['manager'] | json }}
    - address: {{ swarm['address'] | json }}
    - require:
      - mip_docker: mip-docker-running
{%- if swarm['network']['encrypted'] %}
      - mip_swarm_network: mip-swarm-encryptable
{%- endif %}
