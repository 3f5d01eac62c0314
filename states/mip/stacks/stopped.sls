# exareme removed from every node, also from disabled ones, or from those that a service command names. Networks, data
# and the swarm stay. Stacks that bear no node's hostname are somebody else's.
{% from 'mip/map.jinja' import service, stack with context -%}
{% set chosen = service.get('nodes') or stack['stacks'] | map(attribute='id') | list -%}
include:
  - mip.host
{# Workers first: without their master they would start again and again. #}
{%- for one in stack['stacks'] | reverse if one['id'] in chosen %}
mip-stacks-{{ one['id'] }}-absent:
  mip_stack.absent:
    - name: {{ one['hostname'] | json }}
    - require:
      - mip_host: mip-host-verified
{% endfor %}
{%- for one in stack['stacks'] | reverse if one['id'] in chosen %}
mip-stacks-{{ one['id'] }}-ended:
  mip_service.ended:
    - name: {{ one['hostname'] | json }}
    - require:
      - mip_stack: mip-stacks-{{ one['id'] }}-absent
{% endfor %}