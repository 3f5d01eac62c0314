# The first state of every run: on another machine than the confirmed one, nothing else happens.
# Only a state that names an order of 0, 1 or first itself could come earlier: leave that to this one.
{% from 'mip/map.jinja' import node, identity with context -%}
mip-host-verified:
  mip_host.verified:
    - name: {{ node.get('id', opts['id']) | json }}
    # From the node's signed entry in the vault.
    - hostname: {{ identity.get('hostname') | json }}
    - machine_id: {{ identity.get('machine_id') | json }}
    - order: 1
    - failhard: true
