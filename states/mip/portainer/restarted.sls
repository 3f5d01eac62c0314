# Portainer's task made anew.
{% from 'mip/map.jinja' import settings with context -%}
include:
  - mip.portainer

mip-portainer-anew:
  mip_service.anew:
    - name: mip-portainer
    - timeout: {{ settings['wait']['running'] }}
    - require:
      - mip_portainer: mip-portainer-running
