local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
