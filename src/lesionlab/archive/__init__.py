"""Cohorts from the ISIC Archive: asked for, selected, downloaded."""
