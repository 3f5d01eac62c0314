# exareme's tasks made anew, on every enabled node, or on those that a service command names: the master's first, whom
# the others look for.
{% from 'mip/map.jinja' import service, settings, stack with context -%}
{% set chosen = service.get('nodes') or stack['stacks'] | map(attribute='id') | list -%}
{% set stacks = stack['stacks'] | selectattr('enabled') | selectattr('id', 'in', chosen) | list -%}
include:
  - mip.host
{% for one in stacks %}
mip-stacks-{{ one['id'] }}-member:
  mip_swarm_node.member:
    - name: {{ one['hostname'] | json }}
    - labels: {{ {'name': one['hostname']} | json }}
    - require:
      - mip_host: mip-host-verified

mip-stacks-{{ one['id'] }}-anew:
  mip_service.anew:
    - name: {{ one['hostname'] | json }}
    - timeout: {{ settings['wait']['running'] }}
    - require:
      - mip_swarm_node: mip-stacks-{{ one['id'] }}-member
{% endfor %}
mip-stacks-healthy:
  mip_exareme.healthy:
    - name: http://127.0.0.1:9090
    - nodes: {{ stacks | map(attribute='hostname') | list | json }}
    - timeout: {{ settings['wait']['healthy'] }}
    - require:
{%- for one in stacks if one['id'] == 'ms' or 'ms' not in chosen %}
      - mip_service: mip-stacks-{{ one['id'] }}-anew
{%- endfor %}
