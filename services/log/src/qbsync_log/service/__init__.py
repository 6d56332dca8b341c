"""What the log does when somebody asks for something."""
