"""Networks and heads: what is fitted, and where its first weights come from."""
