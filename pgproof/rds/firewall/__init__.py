"""Who may reach an instance: rules of a security group, those of ours known by their description."""
