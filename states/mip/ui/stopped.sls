# Nothing of the web front end runs; its containers, networks and data stay.
include:
  - mip.host

mip-ui-stopped:
  mip_project.stopped:
    - name: mipfederation
    - folder: /opt/mip-deployment/Federation
    - require:
      - mip_host: mip-host-verified
