# What MIP runs comes with a version of it: without one the node is only prepared.
{% from 'mip/map.jinja' import version with context -%}
include:
  - mip.roles.node
  - mip.master
{%- if version %}
  - mip.swarm.manager
  - mip.stacks
{%- endif %}
