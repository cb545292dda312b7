"""What mtbench ships, one folder a kind, coming in as any plugin does."""
