"""Between typed values and plain JSON data: one converter for every kind of schema."""
