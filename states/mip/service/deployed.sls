# What `mip-salt service deploy` brings up: the swarm and what runs on it, without all else that makes a machine a node.
{% from 'mip/map.jinja' import node, service with context -%}
{% set role = node.get('role') -%}
include:
{%- if role == 'worker' %}
  - mip.swarm.worker
{%- elif role == 'ui' %}
  - mip.ui
{%- elif role == 'master' %}
{%- if service.get('exareme', true) %}
  - mip.stacks
{%- else %}
  - mip.swarm.manager
{%- endif %}
{%- if service.get('portainer') %}
  - mip.portainer
{%- endif %}
{%- else %}
  - mip.roles.unknown
{%- endif %}
