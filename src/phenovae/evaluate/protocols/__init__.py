"""Named, versioned protocols, one YAML file each."""
