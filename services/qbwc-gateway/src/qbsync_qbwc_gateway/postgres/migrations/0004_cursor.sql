-- Since when a list's watermark stands, and when a read long after it found nothing older that was missed.
alter table import_cursor
    add column moved_at timestamptz not null default now(),
    add column quiet_at timestamptz;
