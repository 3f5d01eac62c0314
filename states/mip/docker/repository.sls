# Docker's own packages, or a mirror of them, for a node without an engine only.
{% from 'mip/map.jinja' import settings with context -%}
{% set docker = settings['docker'] -%}
include:
  - mip.host

mip-docker-repository:
  mip_apt.repository:
    - name: mip-docker
    - url: {{ (docker['mirror'] ~ ('/ubuntu' if grains['os'] == 'Ubuntu' else '/debian')) | json }}
    - suite: {{ grains['oscodename'] | json }}
    - component: stable
    - key: {{ docker['key'] | json }}
    - package: docker-ce
    - unless:
      - fun: mip_docker.there
    - require:
      - mip_host: mip-host-verified
