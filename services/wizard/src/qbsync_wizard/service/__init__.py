"""What the wizard does, each in one transaction of the tenant."""
