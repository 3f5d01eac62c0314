# Where the master keeps what it runs the federation with.
{% from 'mip/map.jinja' import settings with context -%}
include:
  - mip.data

mip-master-directory:
  file.directory:
    - name: /opt/mip
    - user: {{ settings['data']['user'] | json }}
    - group: {{ settings['data']['group'] | json }}
    - mode: '0770'
    - makedirs: true
    - require:
      - user: mip-data-user-groups
