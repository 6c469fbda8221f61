"""The data types that everything else speaks, on numpy, pandas and pyarrow alone."""
