"""From sources to a prepared folder: screened, grouped, split and stored."""
