# Whose the federation's data are, and where they lie. No password is ever set: a user that is made here is locked.
{% from 'mip/map.jinja' import mip, settings with context -%}
{% set data = settings['data'] -%}
{% set groups = ([data['group']] + data['groups']) | unique | list | json -%}
include:
  - mip.host

mip-data-group-present:
  group.present:
    - names: {{ groups }}
    - require:
      - mip_host: mip-host-verified

mip-data-user-present:
  user.present:
    - name: {{ data['user'] | json }}
    - shell: /bin/bash
    - optional_groups: {{ groups }}
    - remove_groups: false
    - unless:
      - fun: user.info
        name: {{ data['user'] | json }}
    - require:
      - group: mip-data-group-present

# A user who is there already keeps his shell and all else; he only joins the groups.
mip-data-user-groups:
  user.present:
    - name: {{ data['user'] | json }}
    - optional_groups: {{ groups }}
    - remove_groups: false
    - onlyif:
      - fun: user.info
        name: {{ data['user'] | json }}
    - require:
      - user: mip-data-user-present

# What is there already keeps its owner and mode: other federations and people may use it too.
mip-data-root-directory:
  file.directory:
    - name: {{ data['path'] | json }}
    - mode: '0755'
    - makedirs: true
    - unless:
      - fun: file.directory_exists
        path: {{ data['path'] | json }}
    - require:
      - mip_host: mip-host-verified

mip-data-federation-directory:
  file.directory:
    - name: {{ (data['path'] ~ '/' ~ mip['federation']) | json }}
    - user: {{ data['user'] | json }}
    - group: {{ data['group'] | json }}
    - mode: '0770'
    - require:
      - user: mip-data-user-groups
      - file: mip-data-root-directory
