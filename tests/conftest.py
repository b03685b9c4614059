"""What every test runs under."""

from hypothesis import HealthCheck, settings

# How fast examples are made says how busy the machine is, nothing of what is tested.
settings.register_profile("surefoot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("surefoot")
