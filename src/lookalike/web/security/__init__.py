"""Who may ask what: allowed hosts and origins, tokens, limits of requests, and headers of answers."""
