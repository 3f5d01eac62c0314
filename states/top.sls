# A node gets its role's states, then the operator's own. The role comes from the pusher's pillar, never from the node's
# grains.
{% from 'mip/map.jinja' import node with context -%}
{% set role = node.get('role') if node.get('role') in ('master', 'ui', 'worker') else none -%}
base:
  '*':
    - mip.roles.{{ role or 'unknown' }}
{%- if role %}
    - site
    - site.{{ role }}
{%- endif %}
