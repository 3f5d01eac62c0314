# The web front end is a compose project. Compose 2 comes from Docker, from Ubuntu, or as Debian's docker-compose since 13.
include:
  - mip.docker

mip-compose-installed:
  mip_compose.installed:
    - name: compose
    - packages: [docker-compose-plugin, docker-compose-v2, docker-compose]
    - require:
      - mip_docker: mip-docker-running
