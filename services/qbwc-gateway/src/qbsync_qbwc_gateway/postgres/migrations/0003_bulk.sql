-- Large transactions number their messages at once.
-- include: qbsync_shared.messaging/numbering.sql

-- Lookups stay lookups while tables grow.
-- include: qbsync_shared.connector/indexes.sql
