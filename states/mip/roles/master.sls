# What MIP runs comes with a version of it: without one the node is only prepared.
{% from 'mip/map.jinja' import settings, version with context -%}
include:
  - mip.roles.node
  - mip.master
{%- if version %}
  - mip.swarm.manager
  - mip.stacks
{%- if settings['portainer']['enabled'] %}
  - mip.portainer
{%- endif %}
{%- endif %}
