# The clock is kept by the NTP daemon that is there, else by chrony.
{% from 'mip/map.jinja' import settings with context -%}
include:
  - mip.host
{% if settings['time_sync'] %}
mip-time-synchronised:
  mip_time.synchronised:
    - name: chrony
    - require:
      - mip_host: mip-host-verified
{% endif %}
