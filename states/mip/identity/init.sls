# The federation's key logs in, and its user becomes root.
{% from 'mip/map.jinja' import node, identity with context -%}
include:
  - mip.host

mip-identity-present:
  mip_identity.present:
    - name: {{ node.get('user', '') | json }}
    - public_key: {{ identity.get('public_key') | json }}
    # The nodes behind a bastion are reached by forwarding through it.
    - options: {{ 'restrict,pty,port-forwarding' if node.get('is_bastion') else 'restrict,pty' }}
    - sudo: {{ (node.get('user') != 'root') | json }}
    - require:
      - mip_host: mip-host-verified
