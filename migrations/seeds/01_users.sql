-- One user per role of the Digital Product Passport training. Existing users
-- are left as they are: people edit their own profile.

INSERT INTO users (id, keycloak_id, email, display_name, organization)
VALUES
    ('5eed0001-0000-4000-8000-000000000001', 'playground-manufacturer', 'mara.manufacturer@playground.example', 'Mara Manufacturer', 'Voltcell Batteries GmbH'),
    ('5eed0001-0000-4000-8000-000000000002', 'playground-regulator', 'rene.regulator@playground.example', 'René Regulator', 'Market Surveillance Authority'),
    ('5eed0001-0000-4000-8000-000000000003', 'playground-consumer', 'chiara.consumer@playground.example', 'Chiara Consumer', NULL),
    ('5eed0001-0000-4000-8000-000000000004', 'playground-recycler', 'rasmus.recycler@playground.example', 'Rasmus Recycler', 'Second Loop Recycling ApS'),
    ('5eed0001-0000-4000-8000-000000000005', 'playground-developer', 'dana.developer@playground.example', 'Dana Developer', 'DPP Playground')
ON CONFLICT DO NOTHING;

INSERT INTO user_roles (id, user_id, role_type, is_active)
SELECT seed.id, users.id, seed.role_type, true
FROM (
    VALUES
        (uuid '5eed0002-0000-4000-8000-000000000001', 'playground-manufacturer', 'manufacturer'),
        (uuid '5eed0002-0000-4000-8000-000000000002', 'playground-regulator', 'regulator'),
        (uuid '5eed0002-0000-4000-8000-000000000003', 'playground-consumer', 'consumer'),
        (uuid '5eed0002-0000-4000-8000-000000000004', 'playground-recycler', 'recycler'),
        (uuid '5eed0002-0000-4000-8000-000000000005', 'playground-developer', 'developer')
) AS seed (id, keycloak_id, role_type)
JOIN users ON users.keycloak_id = seed.keycloak_id
ON CONFLICT DO NOTHING;
