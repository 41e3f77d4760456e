"""The web server: galleries as an HTTP API and a page. Nothing about the user leaves the machine."""
