"""What applications and store authors need in their tests."""
