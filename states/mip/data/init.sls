# Whose the federation's data are, and where they lie. No password is ever set: a user that is made here is locked.
{% from 'mip/map.jinja' import mip, settings with context -%}
{% set data = settings['data'] -%}
include:
  - mip.host

mip-data-group-present:
  group.present:
    - names: {{ ([data['group']] + data['groups']) | unique | json }}
    - require:
      - mip_host: mip-host-verified

mip-data-user-present:
  user.present:
    - name: {{ data['user'] | json }}
    - shell: /bin/bash
    - optional_groups: {{ ([data['group']] + data['groups']) | unique | json }}
    - remove_groups: false
    - require:
      - group: mip-data-group-present

# What is there already keeps its owner and mode: other federations and people may use it too.
mip-data-root-directory:
  file.directory:
    - name: {{ data['path'] | json }}
    - makedirs: true
    - require:
      - mip_host: mip-host-verified

mip-data-federation-directory:
  file.directory:
    - name: {{ (data['path'] ~ '/' ~ mip['federation']) | json }}
    - user: {{ data['user'] | json }}
    - group: {{ data['group'] | json }}
    - mode: '0770'
    - require:
      - user: mip-data-user-present
      - file: mip-data-root-directory
