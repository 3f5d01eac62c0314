include:
  - mip.roles.node
  - mip.master
