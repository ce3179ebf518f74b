"""What the page and the plain HTTP door are made of."""
