-- Coupons: the quota that each was drawn from, and what serves the lists and the sweep.

-- Month of the quota that gets the amount back; NULL = granted by others, out of no quota. Stored,
-- because a brand may move to another time zone between grant and recycling.
ALTER TABLE coupon ADD COLUMN quota_period text CHECK (quota_period ~ '^[0-9]{4}-[0-9]{2}$');
UPDATE coupon c SET quota_period = to_char(c.granted_at AT TIME ZONE b.timezone, 'YYYY-MM')
FROM brand b WHERE b.brand_id = c.brand_id;

CREATE INDEX coupon_expiry ON coupon (expires_at) WHERE status = 'granted';
CREATE INDEX coupon_log_recycle ON coupon_log (agent_id, created_at DESC) WHERE action = 'recycle';
