"""From image bytes to pixels, hashes and the squares that a network sees."""
