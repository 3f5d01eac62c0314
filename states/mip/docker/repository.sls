# Docker's own packages, for a node without an engine only. The key is Docker's, 9DC8 5822 9FC7 DD38 854A  E2D8 8D81
# 803C 0EBF CD88; anything else is refused by its checksum.
{% set distribution = 'ubuntu' if grains['os'] == 'Ubuntu' else 'debian' -%}
include:
  - mip.host

mip-docker-repository-key:
  file.managed:
    - name: /etc/apt/keyrings/docker.asc
    - source: https://download.docker.com/linux/{{ distribution }}/gpg
    - source_hash: sha256=1500c1f56fa9e26b9b8f42452a553675796ade0807cdce11975eb98170b3a570
    - makedirs: true
    - mode: '0644'
    - unless:
      - fun: mip_docker.there
    - require:
      - mip_host: mip-host-verified

mip-docker-repository-list:
  file.managed:
    - name: /etc/apt/sources.list.d/docker.list
    - contents: >-
        deb [arch={{ grains['osarch'] }} signed-by=/etc/apt/keyrings/docker.asc]
        https://download.docker.com/linux/{{ distribution }} {{ grains['oscodename'] }} stable
    - mode: '0644'
    - unless:
      - fun: mip_docker.there
    - require:
      - file: mip-docker-repository-key
