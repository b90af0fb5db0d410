"""What the store holds, joined into what people ask for."""
