"""What the HTML pages share: one stylesheet, and how templates are read."""
