# What runs of the web front end restarted; then it answers, and finds the master.
{% from 'mip/map.jinja' import settings, ui with context -%}
include:
  - mip.host

mip-ui-restarted:
  mip_project.restarted:
    - name: mipfederation
    - folder: /opt/mip-deployment/Federation
    - require:
      - mip_host: mip-host-verified

mip-ui-answers:
  mip_web.answers:
    - name: http://127.0.0.1/
    - timeout: {{ settings['wait']['ui'] }}
    - require:
      - mip_project: mip-ui-restarted

mip-ui-reaches-the-master:
  mip_web.answers:
    - name: {{ ('http://' ~ ui['env']['EXAREME_IP'] ~ ':9090/') | json }}
    - timeout: {{ settings['wait']['ui'] }}
    - require:
      - mip_project: mip-ui-restarted
