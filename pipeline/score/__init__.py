"""How well what was found agrees with what is true, published or made up."""
