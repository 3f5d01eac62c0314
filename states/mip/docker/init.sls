# A Docker engine that is safe, configured and running; one that is there already stays, wherever it came from.
{% from 'mip/map.jinja' import settings with context -%}
{% set docker = settings['docker'] -%}
include:
  - mip.host
{%- if docker['source'] == 'docker-ce' %}
  - mip.docker.repository
{%- endif %}

mip-docker-installed:
  mip_docker.installed:
{%- if docker['source'] == 'docker-ce' %}
    - name: docker-ce
    - packages: [docker-ce, docker-ce-cli, containerd.io]
    - optional: [docker-compose-plugin]
    - require:
      - mip_apt: mip-docker-repository
{%- else %}
    - name: docker.io
    - packages: [docker.io]
    # Since Debian 13 the client is a package of its own.
    - optional: [docker-cli]
    - require:
      - mip_host: mip-host-verified
{%- endif %}
{% if docker['daemon'] %}
mip-docker-daemon-json-merged:
  mip_daemon_json.merged:
    - name: /etc/docker/daemon.json
    - keys: {{ docker['daemon'] | json }}
    - require:
      - mip_docker: mip-docker-installed
    - require_in:
      - mip_docker: mip-docker-running
{% endif %}
mip-docker-running:
  mip_docker.running:
    - name: docker
    - require:
      - mip_docker: mip-docker-installed
