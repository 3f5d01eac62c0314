include:
  - mip.host
  - mip.identity
