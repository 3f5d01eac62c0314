"""A throwaway federation of real machines on this one."""
