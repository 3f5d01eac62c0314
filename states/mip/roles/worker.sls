include:
  - mip.roles.node
