"""The operator's command, `secondstep`."""
