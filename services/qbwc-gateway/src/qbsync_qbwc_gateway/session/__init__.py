"""The Web Connector's operations without XML on the wire and without HTTP. All state is in PostgreSQL."""
