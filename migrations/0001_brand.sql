-- Brands and their hosts. Owned by the admin service; this service only reads them (P-153).

CREATE TABLE brand (
    brand_id             bigint PRIMARY KEY CHECK (brand_id > 0),  -- 0 means "no brand resolved" in audit rows
    code                 text NOT NULL UNIQUE,
    name                 text NOT NULL,
    logo_url             text,
    status               text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    timezone             text NOT NULL,                            -- IANA name
    currency             char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    phone_country        text NOT NULL CHECK (phone_country ~ '^[1-9][0-9]{0,2}$'),
    show_player_contact  boolean NOT NULL DEFAULT false,
    withdraw_min         numeric(20,4) NOT NULL DEFAULT 0 CHECK (withdraw_min >= 0),
    withdraw_max         numeric(20,4) NOT NULL CHECK (withdraw_max >= withdraw_min),
    withdraw_fee_rate    numeric(7,4) NOT NULL DEFAULT 0 CHECK (withdraw_fee_rate BETWEEN 0 AND 1),
    withdraw_fee_fixed   numeric(20,4) NOT NULL DEFAULT 0 CHECK (withdraw_fee_fixed >= 0),
    daily_withdraw_count integer CHECK (daily_withdraw_count >= 0), -- NULL = no limit
    created_at           timestamptz NOT NULL DEFAULT now()
);

-- Hosts of a brand that belong to no single agent (Q-14).
CREATE TABLE brand_domain (
    domain     text PRIMARY KEY CHECK (domain = lower(domain)),
    brand_id   bigint NOT NULL REFERENCES brand,
    kind       text NOT NULL CHECK (kind IN ('agent', 'player')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX brand_domain_brand_id ON brand_domain (brand_id);

CREATE TABLE bank (
    bank_id  integer PRIMARY KEY,
    code     text NOT NULL UNIQUE,
    name     text NOT NULL,
    logo_url text,
    enabled  boolean NOT NULL DEFAULT true,
    sort     integer NOT NULL DEFAULT 0
);

CREATE TABLE provider (
    provider_id integer PRIMARY KEY CHECK (provider_id > 0),        -- 0 marks cash rows in player_stat_daily
    code        text NOT NULL UNIQUE,
    name        text NOT NULL,
    category    text NOT NULL,
    enabled     boolean NOT NULL DEFAULT true
);

CREATE TABLE brand_provider (
    brand_id     bigint NOT NULL REFERENCES brand,
    provider_id  integer NOT NULL REFERENCES provider,
    enabled      boolean NOT NULL DEFAULT true,
    royalty_rate numeric(7,4) NOT NULL DEFAULT 0 CHECK (royalty_rate BETWEEN 0 AND 1),
    PRIMARY KEY (brand_id, provider_id)
);
