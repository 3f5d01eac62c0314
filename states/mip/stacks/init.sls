# exareme on every node, from its own compose files as they are, deployed by the master. A disabled worker is drained.
{% from 'mip/map.jinja' import service, settings, stack with context -%}
{% set folder = '/opt/mip/Compose-Files' -%}
{% set wait = settings['wait'] -%}
{% set chosen = service.get('nodes') or stack['stacks'] | map(attribute='id') | list -%}
{% set stacks = stack['stacks'] | selectattr('id', 'in', chosen) | list -%}
{% set enabled = stacks | selectattr('enabled') | list -%}
include:
  - mip.master
  - mip.data
  - mip.swarm.manager
{% for name, text in stack['files'].items() %}
mip-stacks-{{ name }}:
  file.managed:
    - name: {{ (folder ~ '/' ~ name) | json }}
    - contents: {{ text | json }}
    - user: {{ settings['data']['user'] | json }}
    - group: {{ settings['data']['group'] | json }}
    - mode: '0644'
    - makedirs: true
    - dir_mode: '0755'
    - require:
      - file: mip-master-directory
{% endfor %}
{%- for one in stacks %}
{%- if one['enabled'] %}
mip-stacks-{{ one['id'] }}-member:
  mip_swarm_node.member:
    - name: {{ one['hostname'] | json }}
    - labels: {{ {'name': one['hostname']} | json }}
{%- else %}
mip-stacks-{{ one['id'] }}-drained:
  mip_swarm_node.drained:
    - name: {{ one['hostname'] | json }}
{%- endif %}
    - require:
      - mip_swarm_network: mip-swarm-network
{% endfor %}
{%- for one in enabled %}
mip-stacks-{{ one['id'] }}-deployed:
  mip_stack.deployed:
    - name: {{ one['hostname'] | json }}
    - compose: {{ (folder ~ '/' ~ one['compose']) | json }}
    - env: {{ one['env'] | json }}
    - resolve: {{ settings['stack']['resolve'] | json }}
    - require:
      - mip_swarm_node: mip-stacks-{{ one['id'] }}-member
      - file: mip-stacks-{{ one['compose'] }}
      - file: mip-data-federation-directory
{% endfor %}
{%- for one in enabled %}
mip-stacks-{{ one['id'] }}-running:
  mip_stack.running:
    - name: {{ one['hostname'] | json }}
    - timeout: {{ wait['running'] }}
    - require:
      - mip_stack: mip-stacks-{{ one['id'] }}-deployed
{% endfor %}
mip-stacks-healthy:
  mip_exareme.healthy:
    - name: http://127.0.0.1:9090
    - nodes: {{ enabled | map(attribute='hostname') | list | json }}
    - addresses: {{ dict(enabled | map(attribute='hostname') | zip(enabled | map(attribute='address'))) | json }}
    - timeout: {{ wait['healthy'] }}
    - require:
{%- for one in enabled if one['id'] == 'ms' or 'ms' not in chosen %}
      - mip_stack: mip-stacks-{{ one['id'] }}-running
{%- endfor %}
