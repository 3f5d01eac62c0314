# What a node without a role in its pillar gets: a failure, never an empty success.
{% from 'mip/map.jinja' import node with context -%}
mip-roles-unknown:
  test.fail_without_changes:
    - name: >-
        the pillar does not say which role this node has:
        run mip-salt configure --node {{ node.get('id', opts['id']) }}
    - order: 1
    - failhard: true
