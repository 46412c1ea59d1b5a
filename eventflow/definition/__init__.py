"""What users write: stages and workflows, and the schemas between their types and JSON."""
