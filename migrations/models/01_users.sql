-- Users and the roles they play.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    keycloak_id varchar(255) NOT NULL UNIQUE,
    email varchar(255) NOT NULL UNIQUE,
    display_name varchar(255),
    organization varchar(255),
    created_at timestamptz DEFAULT now()
);

CREATE TABLE user_roles (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    role_type varchar(50) NOT NULL,
    is_active boolean,
    preferences jsonb DEFAULT '{}',
    UNIQUE (user_id, role_type)
);
