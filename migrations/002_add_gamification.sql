-- Gamification: what can be achieved, who achieved it, and everybody's points.

CREATE TABLE IF NOT EXISTS achievements (
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

CREATE TABLE IF NOT EXISTS user_achievements (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    achievement_id integer REFERENCES achievements (id),
    awarded_at timestamptz DEFAULT now(),
    context jsonb,
    UNIQUE (user_id, achievement_id)
);

CREATE TABLE IF NOT EXISTS user_points (
    id uuid PRIMARY KEY,
    user_id uuid UNIQUE REFERENCES users (id),
    total_points integer DEFAULT 0,
    current_streak_days integer DEFAULT 0,
    longest_streak_days integer DEFAULT 0,
    last_activity_date date,
    level integer DEFAULT 1
);
