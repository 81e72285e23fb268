"""How ground stations find this server in their network."""
