"""How commands are declared, and the options that several of them share."""
