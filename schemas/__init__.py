"""What things are: vocabulary, units, errors, findings, manifests and the store specification."""
