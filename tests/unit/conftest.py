"""How hypothesis runs here: by count, never by the clock; a busy machine is no reason to fail."""

from hypothesis import HealthCheck, settings

settings.register_profile("by_count", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("by_count")
