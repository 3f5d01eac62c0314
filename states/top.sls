# A node gets its role's states. The role comes from the pusher's pillar, never from the node's grains.
{% from 'mip/map.jinja' import node with context -%}
base:
  '*':
    - mip.roles.{{ node.get('role') if node.get('role') in ('master', 'ui', 'worker') else 'unknown' }}
