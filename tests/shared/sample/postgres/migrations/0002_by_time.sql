create index effect_at on effect (tenant_id, at);
