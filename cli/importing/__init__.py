"""Moving in and moving out: files of other systems and of other deployments."""
