# Portainer removed; what it keeps in its folder stays.
{% from 'mip/map.jinja' import settings with context -%}
{% set portainer = settings['portainer'] -%}
include:
  - mip.host

mip-portainer-absent:
  mip_portainer.absent:
    - name: mip-portainer
    - image: {{ portainer['image'] | json }}
    - data: /opt/mip/portainer
    - domain: {{ (portainer['domain'] or '') | json }}
    - require:
      - mip_host: mip-host-verified
