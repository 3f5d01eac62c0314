# Ten things, which tests/bench/work has for the other tools as well.
{% set identity = pillar['mip']['identity'] -%}
bench-host:
  mip_host.verified:
    - name: {{ opts['id'] }}
    - hostname: {{ identity['hostname'] | json }}
    - machine_id: {{ identity['machine_id'] | json }}
    - order: 1
    - failhard: true

bench-group:
  group.present:
    - name: bench

bench-user:
  user.present:
    - name: bench
    - gid: bench
    - home: /home/bench
    - shell: /bin/sh
    - require:
      - group: bench-group

bench-packages:
  pkg.installed:
    - pkgs:
      - sudo
      - procps

bench-folder:
  file.directory:
    - name: /etc/bench
    - user: root
    - group: root
    - mode: '0755'

bench-config:
  file.managed:
    - name: /etc/bench/bench.conf
    - source: salt://bench/bench.conf.j2
    - template: jinja
    - context:
        id: {{ opts['id'] }}
        peers: [one, two, three]
    - mode: '0644'
    - require:
      - file: bench-folder

bench-secret:
  file.managed:
    - name: /etc/bench/secret
    - contents_pillar: bench:secret
    - mode: '0600'
    - show_changes: false
    - require:
      - file: bench-folder

bench-service:
  service.running:
    - name: ssh
    - enable: true

bench-peer:
  host.present:
    - name: peer.bench.example
    - ip: 192.0.2.77

bench-key:
  ssh_auth.present:
    - name: AAAAC3NzaC1lZDI1NTE5AAAAIL6DwaRvDnA19ffZAqoMoTYdWVyAEf9tvPwJDKs/84eD
    - user: bench
    - enc: ssh-ed25519
    - comment: bench
    - require:
      - user: bench-user
