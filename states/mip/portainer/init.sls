# Portainer on the master. With a domain it has that one's certificate, or is not started.
{% from 'mip/map.jinja' import service, settings with context -%}
{% set portainer = settings['portainer'] -%}
include:
  - mip.master
  - mip.swarm.manager

mip-portainer-directory:
  file.directory:
    - name: /opt/mip/portainer
    - user: {{ settings['data']['user'] | json }}
    - group: {{ settings['data']['group'] | json }}
    - mode: '0750'
    - require:
      - file: mip-master-directory

mip-portainer-running:
  mip_portainer.running:
    - name: mip-portainer
    - image: {{ portainer['image'] | json }}
    - data: /opt/mip/portainer
    - domain: {{ ((portainer['domain'] or '') if service.get('portainer') != 'plain' else '') | json }}
    - timeout: {{ settings['wait']['running'] }}
    - require:
      - file: mip-portainer-directory
      - mip_swarm: mip-swarm-manager
