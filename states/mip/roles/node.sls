# What every node gets, whatever its role.
include:
  - mip.host
  - mip.identity
  - mip.data
  - mip.hosts
  - mip.time
  - mip.docker
