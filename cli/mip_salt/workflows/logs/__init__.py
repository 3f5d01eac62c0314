"""What runs on the nodes says: which logs, read side by side, shown as one."""
