-- Achievements, points, and the rules that give points.

CREATE TABLE achievements (
    id serial PRIMARY KEY,
    code varchar(50) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    description text,
    icon_url varchar(500),
    points integer DEFAULT 0,
    rarity varchar(20) DEFAULT 'common',
    criteria jsonb NOT NULL,
    category varchar(50)
);

CREATE TABLE user_achievements (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    achievement_id integer REFERENCES achievements (id),
    awarded_at timestamptz DEFAULT now(),
    context jsonb,
    UNIQUE (user_id, achievement_id)
);

CREATE TABLE user_points (
    id uuid PRIMARY KEY,
    user_id uuid UNIQUE REFERENCES users (id),
    total_points integer DEFAULT 0,
    current_streak_days integer DEFAULT 0,
    longest_streak_days integer DEFAULT 0,
    last_activity_date date,
    level integer DEFAULT 1
);

CREATE TABLE point_rules (
    id serial PRIMARY KEY,
    event_type varchar(100) NOT NULL,
    points integer NOT NULL DEFAULT 0,
    is_active boolean NOT NULL DEFAULT true,
    metadata json,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX ix_point_rules_event_type ON point_rules (event_type);
