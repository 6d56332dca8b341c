"""The base that all pages and HTTP APIs of qbsync are made with: layout, sign-in, protection, errors, live hints, lists."""
