"""The gateway's own tables: connector users, sessions, message sets, cursors."""
