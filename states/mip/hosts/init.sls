# The peers that this node's role talks to resolve without DNS; an address that a peer had before is removed.
{% from 'mip/map.jinja' import mip with context -%}
include:
  - mip.host
{% for name, address in (mip.get('hosts') or {}).items() %}
mip-hosts-{{ name }}-present:
  host.present:
    - name: {{ name | json }}
    - ip: {{ address | json }}
    - clean: true
    - require:
      - mip_host: mip-host-verified
{% endfor %}
