include:
  - mip.roles.node
  - mip.compose
