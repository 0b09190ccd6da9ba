"""Where weights start: one law a file, for any module."""
