"""Many recipes on the same data: trained, evaluated and compared in one command."""
