# The web front end: mip-deployment's compose project, as it is, with the federation's variables.
{% from 'mip/map.jinja' import patience, settings, ui with context -%}
{% set root = '/opt/mip-deployment' -%}
{% set variables = [] -%}
{% for name, value in ui['env'] | dictsort %}{% do variables.append(name ~ '=' ~ value) %}{% endfor -%}
{% set user, group = settings['data']['user'] | json, settings['data']['group'] | json -%}
include:
  - mip.data
  - mip.compose

mip-ui-directories:
  file.directory:
    - names: [{{ root }}, {{ root }}/Federation]
    - user: {{ user }}
    - group: {{ group }}
    - mode: '0755'
    - require:
      - user: mip-data-user-groups

# Where the containers' own users write.
mip-ui-writable:
  file.directory:
    - names: [{{ root }}/Federation/logs, {{ root }}/Federation/.stored_data]
    - mode: '0777'
    - require:
      - file: mip-ui-directories
{% for path, text in ui['files'].items() %}
mip-ui-{{ path }}:
  file.managed:
    - name: {{ (root ~ '/' ~ path) | json }}
    - contents: {{ text | json }}
    - user: {{ user }}
    - group: {{ group }}
    - mode: '0644'
    - makedirs: true
    - require:
      - file: mip-ui-directories
    - require_in:
      - mip_compose: mip-ui-up
{% endfor %}
# Variables may be secret: neither shown, nor readable by others.
mip-ui-env:
  file.managed:
    - name: {{ root }}/Federation/.env
    - contents: {{ variables | json }}
    - user: {{ user }}
    - group: {{ group }}
    - mode: '0600'
    - show_changes: false
    - require:
      - file: mip-ui-directories

mip-ui-up:
  mip_compose.up:
    - name: mipfederation
    - folder: {{ root }}/Federation
    - compose: {{ ui['files'].get('Federation/docker-compose.yml') | json }}
    - env: {{ variables | json }}
    - require:
      - file: mip-ui-env
      - file: mip-ui-writable
      - mip_compose: mip-compose-installed

mip-ui-answers:
  mip_web.answers:
    - name: http://127.0.0.1/
    - timeout: {{ settings['wait']['ui'] }}
    - require:
      - mip_compose: mip-ui-up

mip-ui-reaches-the-master:
  mip_web.answers:
    - name: {{ ('http://' ~ ui['env']['EXAREME_IP'] ~ ':9090/') | json }}
    - timeout: {{ [patience, settings['wait']['ui']] | min }}
    - require:
      - mip_compose: mip-ui-up
